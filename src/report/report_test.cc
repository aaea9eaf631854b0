#include <gtest/gtest.h>

#include "plan/load.h"
#include "record/data_events.h"
#include "record/proof_events.h"
#include "record/run_events.h"
#include "record/step_events.h"
#include "report/chart.h"
#include "report/document.h"
#include "report/html.h"
#include "report/markdown.h"

namespace hf::report {
namespace {

WallTime at(int seconds) { return parse_time("2026-05-01T10:00:00Z").value() + Seconds(seconds); }

template <class Body>
NumberedEvent event(std::uint64_t seq, const Body& body, const std::string& run, int seconds,
                    const std::string& step = {}) {
  record::Event e = record::event_of(body);
  e.time = at(seconds);
  e.run = run;
  e.step = step;
  return {seq, e};
}

plan::Plan small_plan() {
  plan::Plan plan;
  plan.organization = "Example <b>";
  plan.objectives.rto = 4h;
  plan.objectives.rpo = 1h;
  plan.classes.push_back({"L1", "Critical", "everything", {"region-loss"}, {}, "P1", {}});
  plan::Component c;
  c.name = "orders-db";
  c.disaster_class = "L1";
  c.detail = plan::Postgres{};
  plan.components.push_back(c);
  plan::Runbook failover;
  failover.target = "us-west";
  failover.steps.push_back(
      {"fence", {}, plan::Fence{"orders-db", plan::FenceLevel::kQuorum}, {}, {}, 0, "", "", {}, {}});
  plan.failover = failover;
  return plan;
}

std::vector<NumberedEvent> one_failover() {
  record::RunStarted started;
  started.steps = {{"fence", "fence", {}, false}};
  started.plan_hash = "aa";
  record::StepIntent intent;
  intent.key = "k";
  intent.action = "fence";
  record::StepOutcome outcome;
  outcome.state = record::StepState::kDone;
  record::Measurement rto;
  rto.name = "rto";
  rto.component = "orders-db";
  rto.actual_time = 2317ms;
  rto.target_time = 4h;
  rto.met = true;
  return {event(0, started, "f-1", 0), event(1, intent, "f-1", 1, "fence"), event(2, outcome, "f-1", 2, "fence"),
          event(3, rto, "f-1", 3),
          event(4, record::RunFinished{record::RunState::kSucceeded, "us-west is primary"}, "f-1", 3)};
}

TEST(Document, ASmallBackupIsNotCalledNothing) {
  plan::Plan plan = small_plan();
  record::BackupFinished backup;
  backup.component = "orders-db";
  backup.snapshot = std::string(64, 'a');
  backup.source_bytes = 1536;
  backup.duration = 2s;
  auto document = build_document({plan, "abcdef0123456789", {event(0, backup, "b-1", 0)}, "holdfast/0123", at(60)});
  ASSERT_TRUE(document) << document.error().text;
  EXPECT_NE(document->markdown.find("2026-05-01, 1.5 KiB in 2s[^1]"), std::string::npos) << document->markdown;
}

TEST(Document, ANumberHasANoteThatNamesRunAndEvent) {
  plan::Plan plan = small_plan();
  auto document = build_document({plan, "abcdef0123456789", one_failover(), "holdfast/0123", at(60)});
  ASSERT_TRUE(document) << document.error().text;
  EXPECT_NE(document->markdown.find("2.317s (met)[^1]"), std::string::npos) << document->markdown;
  EXPECT_NE(document->markdown.find("[^1]: run `f-1`, event 3 of the journal, 2026-05-01 10:00:03 UTC"),
            std::string::npos);
  EXPECT_NE(document->markdown.find("done in 1s[^2]"), std::string::npos) << document->markdown;
  EXPECT_NE(document->markdown.find("[^2]: run `f-1`, event 2 of the journal, 2026-05-01 10:00:02 UTC"), std::string::npos)
      << "the source of a step's time is its outcome: " << document->markdown;
  EXPECT_NE(document->html.find("<svg role=\"img\""), std::string::npos);
  EXPECT_EQ(document->html.find("chart: the last failover"), std::string::npos);
  EXPECT_EQ(document->html.find("<b>"), std::string::npos) << "text of the plan became markup";
}

TEST(Document, AMissedObjectiveIsShownAsThat) {
  plan::Plan plan = small_plan();
  auto events = one_failover();
  record::Measurement late;
  late.name = "rto";
  late.actual_time = 5h;
  late.target_time = 4h;
  late.met = false;
  events[3] = event(3, late, "f-1", 3);
  auto document = build_document({plan, "abcdef0123456789", events, "holdfast/0123", at(60)});
  ASSERT_TRUE(document) << document.error().text;
  EXPECT_NE(document->markdown.find("5h **(missed)**[^1]"), std::string::npos) << document->markdown;
  EXPECT_NE(document->html.find("<strong>(missed)</strong>"), std::string::npos);
}

TEST(Document, WhatWasNotMeasuredIsSaid) {
  plan::Plan plan = small_plan();
  auto document = build_document({plan, "abcdef0123456789", {}, "holdfast/0123", at(60)});
  ASSERT_TRUE(document);
  EXPECT_EQ(document->measured, 0);
  EXPECT_NE(document->markdown.find("not measured"), std::string::npos);
  EXPECT_NE(document->markdown.find("## Not measured"), std::string::npos);
  EXPECT_EQ(document->markdown.find("[Measured]"), std::string::npos);
}

TEST(Document, ABodyThatCannotBeReadIsAnErrorWithItsNumber) {
  plan::Plan plan = small_plan();
  auto events = one_failover();
  events[3].event.body = Json::object();
  auto document = build_document({plan, "abcdef0123456789", events, "holdfast/0123", at(60)});
  ASSERT_FALSE(document);
  EXPECT_NE(document.error().text.find("event 3"), std::string::npos);
}

TEST(Markdown, EscapesWhatWouldBeMarkup) { EXPECT_EQ(escaped("a|b *c* <i>\n"), "a\\|b \\*c\\* &lt;i&gt; "); }

TEST(Markdown, EqualSourcesShareANote) {
  Markdown m;
  Provenance from{"r", 7, at(0)};
  EXPECT_EQ(m.measured("1 s", from), "1 s[^1]");
  EXPECT_EQ(m.measured("2 s", from), "2 s[^1]");
  EXPECT_EQ(m.measured("3 s", {"r", 8, at(0)}), "3 s[^2]");
  EXPECT_EQ(m.figures(), 3);
}

TEST(Html, DropsRawHtmlAndKeepsTables) {
  auto html = render_html("t", "| a | b |\n|---|---|\n| 1 | <script>x</script> |\n\n[x](javascript:alert)\n", {});
  ASSERT_TRUE(html);
  EXPECT_NE(html->find("<table>"), std::string::npos);
  EXPECT_EQ(html->find("<script>"), std::string::npos);
  EXPECT_EQ(html->find("javascript:"), std::string::npos);
}

TEST(Chart, HasTitleDescriptionAndBars) {
  std::string svg = timeline_chart("T", "D & d", {{"promote", 1, 3, true}}, 4);
  EXPECT_NE(svg.find("<title>T</title>"), std::string::npos);
  EXPECT_NE(svg.find("<desc>D &amp; d</desc>"), std::string::npos);
  EXPECT_NE(svg.find("class=\"limit\""), std::string::npos);
  EXPECT_NE(svg.find("2.00 s"), std::string::npos);
}

}  // namespace
}  // namespace hf::report
