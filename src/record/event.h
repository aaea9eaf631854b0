// An event: one fact of the journal. Who did what, from where, to what, when, in which run and step, and a
// body whose fields depend on the type ("step.intent", "run.finished", ...).
//
// Its canonical JSON (RFC 8785 without floats) is the exact leaf of the Merkle log: the same event always
// gives the same bytes. Members that hold their neutral value are left out. Types and members that this
// version does not know survive a round trip unchanged, so that an older program can read, copy and prove
// what a newer one wrote.
//
// Invariant: encode_event(parse_event(bytes)) == bytes, and parse_event(encode_event(e)) is e with sorted
// members.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "record/fields.h"

namespace hf::record {

// An event longer than this is a bug of its writer: the log's frames, and every reader's memory, are bounded
// by it.
inline constexpr std::size_t kMaxEventBytes = 1 << 20;

struct Actor {
  std::string id;       // "maria@example.com", "host:eu-probe-1", "holdfast"
  std::string method;   // how we know: "os-user", "sudo", "api-token", "schedule", "engine"
  friend bool operator==(const Actor&, const Actor&) = default;
};

struct Origin {
  std::string host;
  std::string region;   // empty where the host belongs to no region of the plan
  friend bool operator==(const Origin&, const Origin&) = default;
};

struct Event {
  std::string type;                      // dotted, lower case: "run.started"
  WallTime time{};
  Actor actor;
  Origin origin;
  std::string resource;                  // what was acted on: "component/orders_db", "region/us-west-2"
  std::vector<std::string> approvers;    // who agreed, beside the actor
  std::string note;                      // a person's words
  std::string run;                       // run id; empty outside runs
  std::string step;                      // step name; empty outside steps
  std::int64_t attempt = 0;              // 1 for the first try of a step; 0 where it makes no sense
  Json body = Json::object();            // see run_events.h, step_events.h, proof_events.h, data_events.h
  Json extra = Json::object();           // top-level members of later versions, kept as they were

  friend bool operator==(const Event&, const Event&) = default;
};

// Canonical JSON. kInvalid if a value has no canonical form (float, integer over 2^53, text that is not
// UTF-8), the type is not a dotted name, or the text would pass kMaxEventBytes.
Result<std::string> encode_event(const Event& event);
// Strict: kInvalid for anything that encode_event would not have written byte for byte.
Result<Event> parse_event(std::string_view leaf);

// "a", "run.started", "aws.rds.promoted": lower case letters, digits and '_' between dots, at most 64 bytes.
bool valid_event_type(std::string_view type);

// The event of a typed body: Event e = event_of(StepIntent{...}); then fill in actor, origin, run, step.
template <class Body>
Event event_of(const Body& body) {
  Event e;
  e.type = std::string(Body::kType);
  e.body = to_body(body);
  return e;
}

template <class Body>
bool is(const Event& event) { return event.type == Body::kType; }

// The typed body; kInvalid if the event has another type, or lacks a field, or a field has the wrong type.
template <class Body>
Result<Body> body_of(const Event& event) {
  if (!is<Body>(event))
    return make_error(ErrorKind::kInvalid,
                      "event is a '" + event.type + "', not a '" + std::string(Body::kType) + "'");
  auto body = from_body<Body>(event.body);
  if (!body) return std::move(body).error().with_context("event '" + event.type + "'");
  return body;
}

}  // namespace hf::record
