// Writing and reading the envelope. Strictness comes from one comparison: what was parsed must encode to the
// same bytes.
#include "record/event.h"

namespace hf::record {
namespace {

struct Envelope {
  template <class Self, class V>
  static void visit(Self& e, V& v) {
    v("type", e.type);
    v("time", e.time);
    v.optional("resource", e.resource);
    v.optional("approvers", e.approvers);
    v.optional("note", e.note);
    v.optional("run", e.run);
    v.optional("step", e.step);
    v.optional("attempt", e.attempt);
  }
};

constexpr std::string_view kKnown[] = {"type", "time", "actor", "origin", "resource", "approvers",
                                       "note", "run",  "step",  "attempt", "body"};

bool known(std::string_view name) {
  for (std::string_view k : kKnown)
    if (k == name) return true;
  return false;
}

Json pair_of(std::string_view a, const std::string& av, std::string_view b, const std::string& bv) {
  Json out = Json::object();
  out.set(a, av);
  if (!bv.empty()) out.set(b, bv);
  return out;
}

Status read_pair(const Json& in, std::string_view what, std::string_view a, std::string& av,
                 std::string_view b, std::string& bv) {
  if (!in.is_object())
    return make_error(ErrorKind::kInvalid, "field '" + std::string(what) + "' is not an object");
  FieldReader reader(in);
  reader(a, av);
  reader.optional(b, bv);
  return reader.status();
}

}  // namespace

bool valid_event_type(std::string_view type) {
  if (type.empty() || type.size() > 64 || type.front() == '.' || type.back() == '.') return false;
  char before = '.';
  for (char c : type) {
    bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    if (!word && (c != '.' || before == '.')) return false;
    before = c;
  }
  return true;
}

Result<std::string> encode_event(const Event& event) {
  if (!valid_event_type(event.type))
    return make_error(ErrorKind::kInvalid, "event type '" + event.type + "' is not a dotted name");
  std::string context = "event '" + event.type + "'";
  if (!event.body.is_object()) return make_error(ErrorKind::kInvalid, context + ": body is not an object");
  FieldWriter writer;
  Envelope::visit(event, writer);
  Json out = writer.take();
  out.set("actor", pair_of("id", event.actor.id, "method", event.actor.method));
  out.set("origin", pair_of("host", event.origin.host, "region", event.origin.region));
  out.set("body", event.body);
  for (const Json::Member& m : event.extra.members()) {
    if (known(m.first))
      return make_error(ErrorKind::kInvalid, context + ": extra member '" + m.first + "' has a meaning");
    out.set(m.first, m.second);
  }
  auto text = canonical_json(out);
  if (!text) return std::move(text).error().with_context(context);
  if (text->size() > kMaxEventBytes)
    return make_error(ErrorKind::kInvalid, context + " is " + std::to_string(text->size()) +
                                               " bytes long, over the limit of " +
                                               std::to_string(kMaxEventBytes));
  return text;
}

Result<Event> parse_event(std::string_view leaf) {
  if (leaf.size() > kMaxEventBytes)
    return make_error(ErrorKind::kInvalid, "event is over the limit of 1 MiB");
  HF_ASSIGN(Json json, parse_json(leaf));
  if (!json.is_object()) return make_error(ErrorKind::kInvalid, "event is not an object");
  Event event;
  FieldReader reader(json);
  Envelope::visit(event, reader);
  HF_TRY(reader.status());
  HF_TRY(read_pair(json["actor"], "actor", "id", event.actor.id, "method", event.actor.method));
  HF_TRY(read_pair(json["origin"], "origin", "host", event.origin.host, "region", event.origin.region));
  event.body = json["body"];
  for (const Json::Member& m : json.members())
    if (!known(m.first)) event.extra.set(m.first, m.second);
  HF_ASSIGN(std::string again, encode_event(event));
  if (again != leaf)
    return make_error(ErrorKind::kInvalid, "event '" + event.type + "' is not in canonical form");
  return event;
}

}  // namespace hf::record
