// The field table and the rules for people: one path or one rule, or all of it as Markdown.
#include <algorithm>
#include <set>

#include "plan/fields.h"
#include "plan/lint.h"
#include "plan/schema.h"
#include "plan/suggest.h"

namespace hf::plan {
namespace {

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> out;
  while (!path.empty()) {
    std::size_t dot = path.find('.');
    out.emplace_back(path.substr(0, dot));
    path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
  }
  return out;
}

const Type& inner(const Type& type) { return type.element.empty() ? type : type.element[0]; }

// What stands below the field; nullptr for values.
const ObjectType* below(const Field& field) {
  return inner(field.type).object != nullptr ? inner(field.type).object() : nullptr;
}

const Field* find_field(const ObjectType& type, const std::string& name) {
  if (const Field* own = type.find(name)) return own;
  for (const Variant& v : type.variants) {
    if (const Field* f = v.fields()->find(name)) return f;
  }
  return nullptr;
}

std::vector<const Field*> all_fields(const ObjectType& type) {
  std::vector<const Field*> out;
  std::set<std::string> seen;
  for (const Field& f : type.fields) {
    if (seen.insert(f.name).second) out.push_back(&f);
  }
  for (const Variant& v : type.variants) {
    for (const Field& f : v.fields()->fields) {
      if (seen.insert(f.name).second) out.push_back(&f);
    }
  }
  return out;
}

std::string describe_type(const Field& field) {
  const Type& type = field.type;
  std::string shape(to_string(inner(type).shape));
  std::string out = type.shape == Shape::kList ? "list of " + shape + "s" : std::string(to_string(type.shape));
  if (inner(type).shape == Shape::kWord) {
    std::string words;
    for (const std::string& w : inner(type).words) words += (words.empty() ? "" : " | ") + w;
    out = (type.shape == Shape::kList ? "list of: " : "") + words;
  }
  if (field.note.refers != Refers::kNothing) out += ", naming a " + std::string(to_string(field.note.refers));
  return out;
}

std::string need_of(const Field& field) {
  if (field.note.required) return "required";
  if (field.note.group.empty()) return "";
  return field.note.group[0] == '?' ? "at most one of its group" : "exactly one of its group";
}

std::string list_fields(const ObjectType& type) {
  std::string out;
  std::size_t width = 0;
  for (const Field* f : all_fields(type)) width = std::max(width, f->name.size());
  for (const Field* f : all_fields(type)) {
    std::string need = need_of(*f);
    out += "  " + f->name + std::string(width - f->name.size() + 2, ' ') + f->note.doc + " [" + describe_type(*f) +
           (need.empty() ? "" : "; " + need) + "]\n";
  }
  return out;
}

std::string explain_rule(const Rule& rule) {
  std::string out(rule.id);
  out += "  " + std::string(rule.slug) + "  (" + std::string(to_string(rule.severity)) + ")\n\n";
  out += "What:  " + std::string(rule.what) + "\nWhy:   " + std::string(rule.why) +
         "\nMend:  " + std::string(rule.fix) + "\n";
  if (rule.id.substr(2) >= std::string_view("2000")) {
    out +=
        "Waive: {rule: " + std::string(rule.slug) + ", at: PATH, by: PERSON, until: 2027-06-30, reason: \"...\"}\n";
  }
  return out;
}

std::string explain_field(const std::string& path, const Field& field) {
  std::string out = path + "\n  " + field.note.doc + "\n  type: " + describe_type(field) + "\n";
  if (std::string need = need_of(field); !need.empty()) out += "  " + need + "\n";
  if (field.type.shape == Shape::kSecret || field.type.shape == Shape::kDsn)
    out += "  sensitive: the plan holds a reference, env:NAME, file:PATH or command:PROGRAM\n";
  if (!field.note.example.empty()) out += "  example: " + field.name + ": " + field.note.example + "\n";
  if (const ObjectType* type = below(field)) out += "\n" + type->doc + "\n" + list_fields(*type);
  return out;
}

std::vector<std::string> all_names(const ObjectType& type) {
  std::vector<std::string> out;
  for (const Field* f : all_fields(type)) out.push_back(f->name);
  return out;
}

// The types of the plan, each once, the root first, then in the order in which fields lead to them.
std::vector<const ObjectType*> all_types() {
  std::vector<const ObjectType*> out{&plan_type()};
  for (std::size_t i = 0; i < out.size(); ++i) {
    auto add = [&](const ObjectType* type) {
      if (type != nullptr && std::ranges::find(out, type) == out.end()) out.push_back(type);
    };
    for (const Field& f : out[i]->fields) add(below(f));
    for (const Variant& v : out[i]->variants) add(v.fields());
  }
  return out;
}

std::string escape_cell(std::string_view text) {
  std::string out;
  for (char c : text) out += c == '|' ? "\\|" : std::string(1, c);
  return out;
}

}  // namespace

Result<std::string> explain(std::string_view what) {
  if (const Rule* rule = find_rule(what)) return explain_rule(*rule);
  if (what.empty() || what == "plan") return plan_type().doc + "\n" + list_fields(plan_type());
  const ObjectType* type = &plan_type();
  const Field* field = nullptr;
  bool named = false;  // the next word may be a name or position instead of a field
  for (const std::string& word : split(what)) {
    const Field* next = type != nullptr ? find_field(*type, word) : nullptr;
    if (next == nullptr && named) {
      named = false;
      continue;
    }
    if (next == nullptr) {
      std::vector<std::string> known = type != nullptr ? all_names(*type) : std::vector<std::string>{};
      if (field == nullptr) {
        for (const Rule& rule : rules()) known.emplace_back(rule.slug);
      }
      return make_error(ErrorKind::kNotFound, "'" + word + "' is no field, rule or id")
          .with_hint(did_you_mean(word, known))
          .with_object(std::string(what));
    }
    field = next;
    type = below(*field);
    named = field->type.shape == Shape::kNamed || field->type.shape == Shape::kList;
  }
  return field != nullptr ? explain_field(std::string(what), *field) : list_fields(*type);
}

std::string reference_markdown() {
  std::string out;
  for (const ObjectType* type : all_types()) {
    if (type->fields.empty()) continue;
    out += "### " + type->name + "\n\n" + type->doc + "\n\n| field | type | what |\n|---|---|---|\n";
    for (const Field& f : type->fields) {
      std::string need = need_of(f);
      std::string example = f.note.example.empty() ? "" : "; `" + f.name + ": " + f.note.example + "`";
      out += "| `" + f.name + "` | " + escape_cell(describe_type(f)) + " | " +
             escape_cell(f.note.doc + (need.empty() ? "" : " (" + need + ")") + example) + " |\n";
    }
    if (!type->variants.empty()) {
      out += type->variant_key.empty() ? "\nand the fields of exactly one of:"
                                       : "\nand, by `" + type->variant_key + "`, the fields of:";
      for (const Variant& v : type->variants)
        out += " " + v.fields()->name + (&v == &type->variants.back() ? "." : ",");
      out += "\n";
    }
    out += "\n";
  }
  out += "### Rules\n\n| id | rule | severity | what | mend |\n|---|---|---|---|---|\n";
  for (const Rule& rule : rules()) {
    out += "| " + std::string(rule.id) + " | `" + std::string(rule.slug) + "` | " +
           std::string(to_string(rule.severity)) + " | " + escape_cell(std::string(rule.what)) + " | " +
           escape_cell(std::string(rule.fix)) + " |\n";
  }
  return out;
}

}  // namespace hf::plan
