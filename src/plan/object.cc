// Maps: each key to its field, variants, what must and what must not stand together.
#include <algorithm>

#include "base/check.h"
#include "plan/codec.h"
#include "plan/suggest.h"

namespace hf::plan {
namespace {

constexpr std::size_t kMaxPlanFindings = 500;  // nobody reads more, and each costs memory

std::string joined(const std::vector<std::string>& words, std::string_view last) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    out += (i == 0 ? "" : i + 1 == words.size() ? std::string(last) : ", ") + words[i];
  }
  return out;
}

}  // namespace

const Field* ObjectType::find(std::string_view field) const {
  for (const Field& f : fields) {
    if (f.name == field) return &f;
  }
  return nullptr;
}

void Reader::report(std::string_view rule, Place place, const std::string& path, std::string message,
                    std::string hint) {
  if (findings.size() >= kMaxPlanFindings) return;
  place.path = path;
  findings.push_back(make_finding(rule, std::move(place), std::move(message), std::move(hint)));
}

bool Reader::is_list(const Node& node, const std::string& path, const Field& field) {
  if (node.kind == Node::Kind::kList) return true;
  report("wrong-type", node.place, path, "'" + field.name + "' is a list", "Write [a, b], or one '- item' a line.");
  return false;
}

bool Reader::is_map(const Node& node, const std::string& path, const std::string& what) {
  if (node.kind == Node::Kind::kMap) return true;
  if (node.is_empty())
    report("empty-value", node.place, path, "'" + what + "' has no value", "Write it out, or take it away.");
  else
    report("wrong-type", node.place, path, "'" + what + "' is a map",
           "Write {key: value}, or one 'key: value' a line.");
  return false;
}

void Reader::refer(const Field& field, const std::string& name, const Node& node, const std::string& path) {
  if (field.note.refers == Refers::kNothing) return;
  Place place = node.place;
  place.path = path;
  references.push_back({field.note.refers, name, place});
}

std::string item_path(const std::string& path, const Node& item, std::size_t position) {
  const Member* name = item.kind == Node::Kind::kMap ? item.find("name") : nullptr;
  bool usable = name != nullptr && name->value.kind == Node::Kind::kScalar && !name->value.text.empty() &&
                name->value.text.find_first_of(". ") == std::string::npos;
  return path + "." + (usable ? name->value.text : std::to_string(position));
}

Place item_place(const Node& item) {
  const Member* name = item.find("name");
  return name != nullptr && name->value.kind == Node::Kind::kScalar ? name->value.place : item.place;
}

const Variant* Reader::choose(const ObjectType& type, const Node& node, const std::string& path) {
  std::vector<std::string> tags, present;
  for (const Variant& v : type.variants) tags.push_back(v.tag);
  const Variant* chosen = nullptr;
  for (const Variant& v : type.variants) {
    const Member* by_value = type.variant_key.empty() ? nullptr : node.find(type.variant_key);
    bool is =
        type.variant_key.empty() ? node.find(v.tag) != nullptr : by_value != nullptr && by_value->value.text == v.tag;
    if (!is) continue;
    present.push_back(v.tag);
    if (chosen == nullptr) chosen = &v;
  }
  if (!type.variant_key.empty()) return chosen;  // the field itself reports a missing or unknown word
  if (present.size() > 1) {
    report("exactly-one", node.place, path,
           "a " + type.name + " does one thing; here are " + joined(present, " and "),
           "Make a " + type.name + " of each.");
  }
  if (present.empty()) {
    report("exactly-one", node.place, path, "the " + type.name + " has no action",
           "Add one of " + joined(tags, " or ") + ".");
  }
  return chosen;
}

void Reader::unknown_key(const ObjectType& type, const std::vector<Bound>& fields, const Member& member,
                         const std::string& path) {
  std::vector<std::string> known;
  for (const Bound& b : fields) known.push_back(b.field->name);
  if (type.variant_key.empty()) {
    for (const Variant& v : type.variants) {
      if (std::ranges::find(known, v.tag) == known.end()) known.push_back(v.tag);
    }
  }
  report("unknown-key", member.key_place, path, "'" + member.key + "' is no field of a " + type.name,
         did_you_mean(member.key, known));
}

void Reader::check_groups(const std::vector<Bound>& fields, const Node& node, const std::string& path) {
  std::vector<std::string> seen;
  for (const Bound& b : fields) {
    const std::string& group = b.field->note.group;
    if (b.field->note.required && node.find(b.field->name) == nullptr) {
      report("missing-key", node.place, path, "'" + b.field->name + "' is missing",
             b.field->name + ": " + b.field->note.doc +
                 (b.field->note.example.empty() ? "." : ", for example " + b.field->note.example + "."));
    }
    if (group.empty() || std::ranges::find(seen, group) != seen.end()) continue;
    seen.push_back(group);
    std::vector<std::string> all, present;
    for (const Bound& other : fields) {
      if (other.field->note.group != group) continue;
      all.push_back(other.field->name);
      if (node.find(other.field->name) != nullptr) present.push_back(other.field->name);
    }
    bool optional = group[0] == '?';
    if (present.size() > 1)
      report("exactly-one", node.place, path, joined(present, " and ") + " exclude each other", "Keep one.");
    if (present.empty() && !optional)
      report("exactly-one", node.place, path, "one of " + joined(all, " or ") + " is missing", "Add exactly one.");
  }
}

void Reader::object(const ObjectType& type, const Node& node, const std::string& path, void* out) {
  type.identify(out, path, item_place(node));
  if (!is_map(node, path, path.empty() ? "the plan" : path.substr(path.rfind('.') + 1))) return;
  std::vector<Bound> fields;
  for (const Field& f : type.fields) fields.push_back({&f, out});
  const Variant* variant = type.variants.empty() ? nullptr : choose(type, node, path);
  auto present = std::ranges::count_if(type.variants, [&](const Variant& v) { return node.find(v.tag) != nullptr; });
  bool unsure = !type.variants.empty() && (variant == nullptr || (type.variant_key.empty() && present > 1));
  if (variant != nullptr) {
    void* inner = variant->emplace(out);
    for (const Field& f : variant->fields()->fields) fields.push_back({&f, inner});
  }
  for (const Member& member : node.members) {
    auto bound = std::ranges::find_if(fields, [&](const Bound& b) { return b.field->name == member.key; });
    std::string at = path.empty() ? member.key : path + "." + member.key;
    bool other_form = std::ranges::any_of(type.variants, [&](const Variant& v) {
      return v.tag == member.key || (unsure && v.fields()->find(member.key) != nullptr);
    });
    if (bound == fields.end()) {
      if (!other_form || !type.variant_key.empty()) {
        if (!(unsure && other_form)) unknown_key(type, fields, member, at);
      }
      continue;
    }
    places[at] =
        member.value.kind == Node::Kind::kScalar && !member.value.is_empty() ? member.value.place : member.key_place;
    bound->field->read(*this, member.value, at, *bound->field, bound->object);
  }
  check_groups(fields, node, path);
  if (type.check) type.check(*this, node, path, out);
}

std::string_view to_string(Shape shape) {
  switch (shape) {
    case Shape::kText: return "text";
    case Shape::kWord: return "word";
    case Shape::kInteger: return "whole number";
    case Shape::kBoolean: return "true or false";
    case Shape::kDuration: return "duration";
    case Shape::kClock: return "time of day";
    case Shape::kWindow: return "window of the day";
    case Shape::kRetention: return "duration or 'forever'";
    case Shape::kMoney: return "amount of money over time";
    case Shape::kDate: return "day";
    case Shape::kSecret: return "reference to a secret";
    case Shape::kDsn: return "reference to a DSN, or a DSN without a password";
    case Shape::kSelection: return "list of names, or 'all'";
    case Shape::kParticipants: return "list of groups, or 'automated'";
    case Shape::kIsolation: return "'namespace', or a map of terraform and vars";
    case Shape::kPairs: return "map of texts";
    case Shape::kAlerts: return "map of events to lists of channels";
    case Shape::kList: return "list";
    case Shape::kNamed: return "map by name";
    case Shape::kObject: return "map";
  }
  return "";
}

std::string_view to_string(Refers refers) {
  switch (refers) {
    case Refers::kNothing: return "";
    case Refers::kClass: return "class";
    case Refers::kRegion: return "region";
    case Refers::kVault: return "vault";
    case Refers::kComponent: return "component";
    case Refers::kService: return "service";
    case Refers::kHealth: return "health check";
    case Refers::kGroup: return "group";
    case Refers::kChannel: return "channel";
    case Refers::kSeverity: return "severity";
    case Refers::kTemplate: return "template";
    case Refers::kStep: return "step";
    case Refers::kTarget: return "region or replica";
    case Refers::kReceiver: return "region or receiver";
    case Refers::kAcknowledger: return "replica or receiver";
  }
  return "";
}

}  // namespace hf::plan
