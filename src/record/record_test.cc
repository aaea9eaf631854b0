// Every typed body survives a round trip, canonical bytes are pinned, and anything else is refused.
#include <gtest/gtest.h>

#include "record/data_events.h"
#include "record/event.h"
#include "record/journal_events.h"
#include "record/proof_events.h"
#include "record/run_events.h"
#include "record/step_events.h"

namespace hf::record {
namespace {

WallTime at(std::int64_t us) { return WallTime(Micros(us)); }

Event filled(Event e) {
  e.time = at(1777629751417204);
  e.actor = {"maria@example.com", "os-user"};
  e.origin = {"ops-1", "eu-west-1"};
  e.resource = "component/orders_db";
  e.approvers = {"li@example.com"};
  e.note = "after the call with the team";
  e.run = "run7";
  e.step = "promote";
  e.attempt = 2;
  return e;
}

template <class Body>
void expect_round_trip(const Body& body) {
  Event event = filled(event_of(body));
  auto leaf = encode_event(event);
  ASSERT_TRUE(leaf) << leaf.error().text;
  auto again = parse_event(*leaf);
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(*again, *parse_event(*encode_event(*again)));
  auto typed = body_of<Body>(*again);
  ASSERT_TRUE(typed) << typed.error().text;
  EXPECT_EQ(*typed, body) << *leaf;
}

TEST(Event, CanonicalBytesArePinned) {
  Event e = filled(
      event_of(StepIntent{.key = "run7/promote", .action = "promote", .irreversible = true, .summary = ""}));
  EXPECT_EQ(
      *encode_event(e),
      R"({"actor":{"id":"maria@example.com","method":"os-user"},"approvers":["li@example.com"],"attempt":2,)"
      R"("body":{"action":"promote","irreversible":true,"key":"run7/promote"},"note":"after the call with the team",)"
      R"("origin":{"host":"ops-1","region":"eu-west-1"},"resource":"component/orders_db","run":"run7",)"
      R"("step":"promote","time":"2026-05-01T10:02:31.417204Z","type":"step.intent"})");
}

TEST(Event, RunBodiesRoundTrip) {
  expect_round_trip(
      RunStarted{.kind = RunKind::kDrill,
                 .runbook = "failover",
                 .component = "orders_db",
                 .source_region = "us-east-1",
                 .target_region = "us-west-2",
                 .disaster_class = "L1",
                 .plan_hash = "ab12",
                 .steps = {{"fence", "fence", {}, false}, {"promote", "promote", {"fence"}, true}},
                 .objectives = {.rto = 1h, .rpo = std::nullopt},
                 .planned_loss_bytes = 1ULL << 60,
                 .planned_loss = "3 orders",
                 .impact_started_at = at(1),
                 .parameters = *parse_json(R"({"x":[1,"a"]})")});
  expect_round_trip(RunStarted{});
  expect_round_trip(RunResumed{"killed", "ops-1"});
  expect_round_trip(RunCancelRequested{"changed my mind"});
  expect_round_trip(RunFinished{RunState::kBlocked, "the fence is not proven"});
  expect_round_trip(ApprovalRequested{2, "fail over?", "ab"});
  expect_round_trip(ApprovalGiven{"li", "ab"});
  expect_round_trip(ConfirmGiven{"FAILOVER us-west-2", "ab"});
  expect_round_trip(WaiverUsed{"HF0123", "steps[2]", "li", at(5), "until the new site is up"});
}

TEST(Event, StepBodiesRoundTrip) {
  expect_round_trip(StepObserved{"running", "pid 12", *parse_json(R"({"lsn":"0/12"})")});
  Error error = make_error(ErrorKind::kTimeout, "no answer").with_hint("Wait.").maybe_happened();
  expect_round_trip(
      StepOutcome{StepState::kMaybe, true, "sent", step_error(error), *parse_json(R"({"n":3})")});
  EXPECT_EQ(step_error(error).effect, "maybe");
  expect_round_trip(StepOutcome{});
  expect_round_trip(TimerSet{"deadline", at(1777629751000000)});
  expect_round_trip(TimerFired{"deadline"});
  expect_round_trip(WorkerStarted{4711, ~0ULL, "s1"});
}

TEST(Event, ProofAndDataBodiesRoundTrip) {
  expect_round_trip(
      Detection{"orders", "L1", "us-east-1", {{"p1", "eu-west-1", "down", "timeout", at(7)}}, at(7), at(9)});
  expect_round_trip(FenceProof{"orders_db",
                               "quorum",
                               7500000000000000001ULL,
                               1,
                               {{"receiver_west", *parse_lsn("16/B374D848"), "aa"}},
                               2,
                               {"b", "receiver_west", "receiver_eu"},
                               "on",
                               "two of three members refuse"});
  expect_round_trip(Measurement{"rto", "orders_db", "us", Micros(-5), 1h, std::nullopt, std::nullopt, false,
                                "from impact"});
  expect_round_trip(
      Measurement{"data_loss", "orders_db", "rows", std::nullopt, std::nullopt, 0, 0, true, ""});
  expect_round_trip(BackupFinished{"orders_db", "4f2a", "v", 12, 1ULL << 62, 3, 4, 2s});
  expect_round_trip(
      VerifyFinished{"orders_db", "4f2a", 3s, 0us, CanaryFound{9, 9, 0}, {{"boots", true, "15.8"}}, true});
  expect_round_trip(VaultChecked{"v", 1, 2, 3, {"packs/aa/1"}, {}});
  expect_round_trip(CanaryWritten{"orders_db", 42, at(3)});
  expect_round_trip(DrillFinished{"daily", true, {{"boots", true, ""}}, true});
  expect_round_trip(JournalOpened{"holdfast/00", "AA==", "BB=="});
  expect_round_trip(JournalHealed{"00000000.log", 12, 3});
  expect_round_trip(KeySuccession{"holdfast/00", "AA==", "BB==", "recovery", "CC=="});
  expect_round_trip(Note{"a word"});
}

TEST(Event, UnknownTypesAndMembersSurvive) {
  std::string leaf =
      R"({"actor":{"id":"x"},"body":{"deep":{"a":[1,null,true]}},"origin":{"host":"h"},"time":"2030-01-01T00:00:00Z",)"
      R"("type":"mars.landed","witness":{"n":1}})";
  auto event = parse_event(leaf);
  ASSERT_TRUE(event) << event.error().text;
  EXPECT_EQ(event->extra["witness"]["n"].as_int(), 1);
  EXPECT_EQ(*encode_event(*event), leaf);
  EXPECT_EQ(body_of<Note>(*event).error().kind, ErrorKind::kInvalid);
}

TEST(Event, UnknownBodyMembersAreIgnoredByTypedReading) {
  Event e = event_of(Note{"hello"});
  e.body.set("later", 1);
  EXPECT_EQ(body_of<Note>(e)->text, "hello");
}

TEST(Event, RefusesWhatItWouldNotHaveWritten) {
  const char* bad[] = {
      "",
      "[]",
      R"({"type":"note"})",
      R"({"actor":{"id":"x"},"body":{},"origin":{"host":"h"},"time":"2030-01-01T00:00:00Z","type":"Note"})",
      R"({"actor":{"id":"x"},"body":[],"origin":{"host":"h"},"time":"2030-01-01T00:00:00Z","type":"note"})",
      R"({"actor":{"id":"x"},"body":{},"origin":{"host":"h"},"time":"2030-01-01T00:00:00+00:00","type":"note"})",
      R"({"actor":{"id":"x"},"body":{},"origin":{"host":"h"},"time":"2030-01-01T00:00:00Z","type":"note"} )",
      R"({"actor":{"id":"x"},"attempt":0,"body":{},"origin":{"host":"h"},"time":"2030-01-01T00:00:00Z","type":"note"})",
      R"({"actor":{"id":"x","role":"y"},"body":{},"origin":{"host":"h"},"time":"2030-01-01T00:00:00Z","type":"note"})",
      R"({"body":{},"actor":{"id":"x"},"origin":{"host":"h"},"time":"2030-01-01T00:00:00Z","type":"note"})",
      R"({"actor":"x","body":{},"origin":{"host":"h"},"time":"2030-01-01T00:00:00Z","type":"note"})",
  };
  for (const char* text : bad) EXPECT_FALSE(parse_event(text)) << text;
}

TEST(Event, EncodeRefusesWhatHasNoCanonicalForm) {
  Event e = event_of(Note{"x"});
  e.body.set("f", 1.5);
  EXPECT_EQ(encode_event(e).error().kind, ErrorKind::kInvalid);
  e.body = Json::object();
  e.body.set("big", std::int64_t{1} << 60);
  EXPECT_FALSE(encode_event(e));
  e.body = to_body(Note{std::string(kMaxEventBytes, 'x')});
  EXPECT_FALSE(encode_event(e));
  e = event_of(Note{"\xff"});
  EXPECT_FALSE(encode_event(e));
  e = event_of(Note{"x"});
  e.extra.set("body", 1);
  EXPECT_FALSE(encode_event(e));
  e.extra = Json::object();
  e.type = "run..started";
  EXPECT_FALSE(encode_event(e));
}

TEST(Event, TypedReadingRefusesWrongFields) {
  Event e = event_of(CanaryWritten{"c", 1, at(0)});
  for (const char* number : {"\"01\"", "\"-1\"", "\" 1\"", "1", "\"\"", "\"18446744073709551616\""}) {
    e.body.set("number", *parse_json(number));
    EXPECT_FALSE(body_of<CanaryWritten>(e)) << number;
  }
  e = event_of(RunFinished{});
  e.body.set("state", "splendid");
  EXPECT_FALSE(body_of<RunFinished>(e));
  e.body = Json::object();
  EXPECT_EQ(body_of<RunFinished>(e).error().text, "event 'run.finished': field 'state' is missing");
}

}  // namespace
}  // namespace hf::record
