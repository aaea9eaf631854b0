#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "plan/testing_plans.h"

namespace hf::plan {
namespace {

using testing::changed;
using testing::changed_in;
using testing::findings_of;
using testing::has;
using testing::names_of;
using testing::sound_plan;

std::string lint_said(const std::vector<Finding>& findings) {
  std::string out;
  for (const Finding& f : findings) out += f.rule + "@" + f.place.path + ": " + f.message + "\n";
  return out;
}

TEST(Lint, ASoundPlanHasNothingAboveInfo) {
  for (const Finding& f : findings_of(sound_plan())) {
    EXPECT_EQ(f.severity, FindingSeverity::kInfo) << f.rule << "@" << f.place.path << ": " << f.message;
    EXPECT_EQ(f.rule, "not-executed-yet");
  }
}

// Each rule: the edit of the sound plan that breaks it, and where the finding points.
struct Case {
  const char* rule;
  const char* path;
  const char* from;
  const char* to;
};

const Case kCases[] = {
    {"objective-unreachable", "components.settings", "rpo: 1d,", "rpo: 1h,"},
    {"no-outside-acknowledgement", "components.orders-db", "{any: 2, of", "{any: 1, of"},
    {"no-outside-acknowledgement", "components.orders-db",
     "    quorum: {any: 2, of: [orders_db_b, receiver_west, receiver_eu]}\n", ""},
    {"fence-proves-nothing", "failover.steps.fence", "{any: 2, of", "{any: 1, of"},
    {"traffic-before-promotion", "failover.steps.traffic", "secret: file:/keys/tsig}}, needs: [verify]",
     "secret: file:/keys/tsig}}, needs: [fence]"},
    {"traffic-before-verify", "failover.steps.traffic", "secret: file:/keys/tsig}}, needs: [verify]",
     "secret: file:/keys/tsig}}, needs: [configure]"},
    {"promotion-without-fence", "failover.steps.promote", "timeout: 1m, needs: [fence]",
     "timeout: 1m, needs: [checks]"},
    {"promotion-without-fence", "failover.steps.promote", "level: quorum", "level: none"},
    {"promotion-without-fence", "failover.steps.promote", "fence: orders-db,", "fence: settings,"},
    {"control-plane-in-lost-region", "failover.steps.promote", "to: us-west, timeout: 1m",
     "to: us-west, plane: us-east"},
    {"control-plane-in-lost-region", "failover.steps.promote", "to: us-west, timeout: 1m",
     "to: us-west, region: us-east"},
    {"change-before-check", "failover.steps.fence", "level: quorum, needs: [checks]", "level: quorum"},
    {"verify-cannot-fail", "failback", "    - {name: verify, verify: {write: orders-db}, needs: [switch]}\n", ""},
    {"single-approver", "failover.approvals", "cool_down: 1h\n  approvals: 2", "cool_down: 1h\n  approvals: 1"},
    {"single-approver", "failover", "cool_down: 1h\n  approvals: 2", "cool_down: 1h"},
    {"retention-shorter-than-recovery-window", "components.orders-db.backups.1.keep", "vault: main, keep: 7d",
     "vault: main, keep: 12h"},
    {"retention-shorter-than-recovery-window", "components.orders-db.backups.1.keep", "keep: 30d", "keep: 3d"},
    {"retention-shorter-than-recovery-window", "components.settings.backups.0.keep", "keep: 14d", "keep: 1h"},
    {"budget-does-not-add-up", "failover", "timeout: 1m", "timeout: 15m"},
    {"dependency-cycle", "failover.steps.checks", "check: [standby-healthy, fence-possible]",
     "check: [standby-healthy], needs: [promote]"},
    {"dependency-cycle", "services.database", "component: orders-db}", "component: orders-db, needs: [orders]}"},
    {"storage-class-minimum", "components.settings.backups.0.keep", "key_file: /keys/main",
     "key_file: /keys/main, storage_class: STANDARD_IA"},
    {"storage-class-minimum", "components.settings.backups.0.keep", "vault: main, keep: 14d",
     "vault: main, storage_class: GLACIER, keep: 14d"},
    {"storage-class-minimum", "vaults.copy.storage_class", "within: 1m", "within: 1m, storage_class: GLACIER_IR"},
    {"retrieval-exceeds-rto", "components.orders-db", "within: 1m", "within: 1m, storage_class: GLACIER"},
    {"ttl-exceeds-rto", "failover.steps.traffic", "ttl: 5s", "ttl: 5m"},
    {"objective-contradicts-class", "objectives.rto", "{mttr: 2h}", "{mttr: 2h, rto: 4h}"},
    {"objective-contradicts-class", "components.settings.rpo", "{kind: files, class: L4,",
     "{kind: files, class: L4, rpo: 2d,"},
    {"backups-only-in-lost-region", "components.orders-db", "copy_of: main, within: 1m}",
     "copy_of: main, within: 1m, only: {classes: [L4]}}"},
    {"detection-in-lost-region", "health.orders", "from: [us-east, us-west, eu-west]", "from: [us-east, us-west]"},
    {"automatic-without-brake", "failover", "mode: propose\n  detect: [orders]\n  cool_down: 1h",
     "mode: automatic\n  detect: [orders]"},
    {"automatic-without-brake", "failover", "mode: propose\n  detect: [orders]", "mode: automatic"},
    {"not-executed-yet", "components.settings.hosts", "paths: [/etc/app],", "paths: [/etc/app], hosts: [web-1],"},
    {"not-executed-yet", "failover.steps.checks", "check: [standby-healthy, fence-possible]",
     "check: [standby-healthy, channels-open]"},
    {"not-executed-yet", "failover.steps.fence", "fence: orders-db, level: quorum", "fence: orders-db, level: network"},
};

TEST(Lint, EachRuleFindsWhatItIsForAndNothingElsewhere) {
  std::vector<Finding> sound = findings_of(sound_plan());
  for (const Case& c : kCases) {
    std::vector<Finding> broken = findings_of(changed(c.from, c.to));
    EXPECT_TRUE(has(broken, c.rule, c.path)) << c.rule << "@" << c.path << " is not among\n" << lint_said(broken);
    EXPECT_TRUE(std::string_view(c.rule) == "not-executed-yet" || !has(sound, c.rule)) << c.rule;
  }
}

TEST(Lint, AnUncheckedRestoreInPlaceByOnePersonIsFound) {
  std::string text =
      changed("at: ask, to: /restore, verify: assertions}, needs: [ready]}", "at: ask, verify: assertions}}");
  EXPECT_FALSE(has(findings_of(text), "restore-overwrites-without-check")) << "two people approve";
  text = changed_in(text, "  corruption:\n    approvals: 2", "  corruption:\n    approvals: 1");
  EXPECT_TRUE(has(findings_of(text), "restore-overwrites-without-check", "runbooks.corruption.steps.recover"));
}

TEST(Lint, ARemovedFailbackIsFound) {
  std::string text = sound_plan();
  std::size_t from = text.find("failback:"), to = text.find("runbooks:");
  EXPECT_TRUE(has(findings_of(text.erase(from, to - from)), "no-failback", "failover"));
}

TEST(Lint, AFailoverWithoutVerificationIsAnError) {
  std::string text = changed(
      "    - {name: verify, verify: {http: \"http://{host}:{port}/health\", for: [orders], write: orders-db}, needs: "
      "[configure]}\n",
      "");
  text = changed_in(
      text, "    - {name: users, verify: {http: \"http://orders.demo.test:8080/health\"}, needs: [traffic]}\n", "");
  text =
      changed_in(text, "secret: file:/keys/tsig}}, needs: [verify]", "secret: file:/keys/tsig}}, needs: [configure]");
  std::vector<Finding> found = findings_of(text);
  auto at = std::ranges::find_if(
      found, [](const Finding& f) { return f.rule == "verify-cannot-fail" && f.place.path == "failover"; });
  ASSERT_NE(at, found.end()) << lint_said(found);
  EXPECT_EQ(at->severity, FindingSeverity::kError);
}

TEST(Lint, AnAnnouncementOfSuccessMustWaitForAVerification) {
  std::string talk =
      "communication:\n  channels: {chat: {webhook: env:HOOK}}\n  severities: {P1: {notify: [chat]}, P4: {notify: "
      "[chat]}}\n  templates: {done: {status: monitoring}}\n";
  std::string last = "{http: \"http://orders.demo.test:8080/health\"}, needs: [traffic]}\n";
  std::string good = changed_in(talk.insert(0, sound_plan()), last,
                                last + "    - {name: tell, announce: {template: done}, needs: [users]}\n");
  EXPECT_FALSE(has(findings_of(good), "verify-cannot-fail")) << lint_said(findings_of(good));
  std::string bad = changed_in(good, "{template: done}, needs: [users]", "{template: done}, needs: [promote]");
  EXPECT_TRUE(has(findings_of(bad), "verify-cannot-fail", "failover.steps.tell"));
}

TEST(Lint, CostsThatPassTheBudgetAreFound) {
  std::string cost =
      "cost:\n  budget: {normal: 100 USD/month}\n  components: {compute: {normal: 60 USD/month}, storage: {normal: "
      "40 USD/month}}\n";
  EXPECT_FALSE(has(findings_of(sound_plan() + cost), "budget-does-not-add-up"));
  EXPECT_TRUE(has(findings_of(changed_in(sound_plan() + cost, "normal: 40 USD", "normal: 41 USD")),
                  "budget-does-not-add-up", "cost.budget.normal"));
  EXPECT_TRUE(has(findings_of(changed_in(sound_plan() + cost, "normal: 40 USD", "normal: 40 EUR")),
                  "budget-does-not-add-up", "cost.budget.normal"));
}

TEST(Lint, VerificationLessOftenThanRetentionIsFound) {
  std::string drill = "drills: {check: {every: 3mo, scope: verify, participants: automated}}\n";
  EXPECT_TRUE(has(findings_of(sound_plan() + drill), "retention-shorter-than-recovery-window",
                  "components.orders-db.backups.0.keep"));
  EXPECT_FALSE(
      has(findings_of(changed_in(sound_plan() + drill, "3mo", "1d")), "retention-shorter-than-recovery-window"));
}

std::string waiver(const std::string& rule, const std::string& at, const std::string& until) {
  return "waivers: [{rule: " + rule + ", at: " + at + ", by: ops@example.com, until: " + until +
         ", reason: \"tried\"}]\n";
}

TEST(Waivers, CoverUntilTheEndOfTheirDayAndThenTheFindingIsBack) {
  std::string text = changed("timeout: 1m, needs: [fence]", "needs: [checks]");
  auto covered = [&](const std::string& until, const std::string& at) {
    for (const Finding& f : findings_of(text + waiver("promotion-without-fence", at, until))) {
      if (f.rule == "promotion-without-fence") return f.waived_by;
    }
    return std::string("no finding");
  };
  EXPECT_EQ(covered("2026-05-01", "failover.steps.promote"), "ops@example.com");
  EXPECT_EQ(covered("2026-05-01", "failover"), "ops@example.com");
  EXPECT_EQ(covered("2026-04-30", "failover.steps.promote"), "");
  EXPECT_EQ(covered("2026-05-01", "failover.steps.prom"), "");
  EXPECT_TRUE(has(findings_of(text + waiver("promotion-without-fence", "failover", "2026-04-30")), "waiver-expired",
                  "waivers.0"));
  EXPECT_TRUE(has(findings_of(text + waiver("promotion-without-fence", "failback", "2026-05-01")), "waiver-unmatched",
                  "waivers.0"));
  EXPECT_TRUE(has(findings_of(text + waiver("promotion-without-fnce", "failover", "2026-05-01")), "dangling-name",
                  "waivers.0.rule"));
}

TEST(Waivers, AWaivedErrorDoesNotFailThePlan) {
  std::string text = changed("timeout: 1m, needs: [fence]", "needs: [checks]");
  WallTime now = parse_time("2026-05-01T00:00:00Z").value();
  EXPECT_FALSE(load_and_lint({{"p", text}}, now).ok());
  EXPECT_TRUE(load_and_lint({{"p", text + waiver("promotion-without-fence", "failover", "2026-05-01")}}, now).ok());
}

TEST(Lint, WhatCouldBeReadIsJudgedAlsoBesideAnUnknownKey) {
  std::string text = changed("timeout: 1m, needs: [fence]", "needs: [checks]") + "colour: blue\n";
  EXPECT_TRUE(has(findings_of(text), "unknown-key"));
  EXPECT_TRUE(has(findings_of(text), "promotion-without-fence"));
  EXPECT_TRUE(is_whole(findings_of(text)));
  text = changed("timeout: 1m, needs: [fence]", "needs: [checks], timeout: fast");
  EXPECT_FALSE(has(findings_of(text), "promotion-without-fence"));
  EXPECT_FALSE(is_whole(findings_of(text)));
}

TEST(Waivers, MistakesOfReadingCannotBeWaived) {
  std::string text = changed("role: standby", "role: standbi") + waiver("unknown-word", "regions", "2030-01-01");
  for (const Finding& f : findings_of(text)) EXPECT_EQ(f.waived_by, "") << f.rule;
}

TEST(Rules, HaveStableIdsAndFullTexts) {
  std::set<std::string_view> ids, slugs;
  for (const Rule& r : rules()) {
    EXPECT_TRUE(ids.insert(r.id).second) << r.id;
    EXPECT_TRUE(slugs.insert(r.slug).second) << r.slug;
    EXPECT_FALSE(r.what.empty() || r.why.empty() || r.fix.empty()) << r.id;
    EXPECT_EQ(r.id.size(), 6u);
    EXPECT_EQ(find_rule(r.id), find_rule(r.slug));
  }
}

std::size_t count_above_info(const std::vector<Finding>& findings, bool errors_only) {
  return static_cast<std::size_t>(std::ranges::count_if(findings, [&](const Finding& f) {
    return f.waived_by.empty() && f.severity >= (errors_only ? FindingSeverity::kError : FindingSeverity::kWarning);
  }));
}

TEST(Plans, TheExampleHasNoErrorThatIsNotWaived) {
  std::vector<Finding> found =
      findings_of(testing::read_text(std::string(HF_SOURCE_DIR) + "/docs/plan.example.yaml"));
  for (const Finding& f : found) {
    EXPECT_FALSE(f.severity == FindingSeverity::kError && f.waived_by.empty())
        << f.rule << "@" << f.place.path << ": " << f.message;
    EXPECT_NE(f.rule, "waiver-unmatched") << f.message;
  }
  EXPECT_TRUE(has(found, "control-plane-in-lost-region", "failover.steps.traffic"));
  EXPECT_TRUE(has(found, "objective-unreachable", "components.cluster-state"));
}

TEST(Plans, TheOrderAsWrittenInTheDocumentIsFullOfFindings) {
  std::vector<Finding> found =
      findings_of(testing::read_text(std::string(HF_SOURCE_DIR) + "/demo/mission-order.yaml"));
  EXPECT_GE(count_above_info(found, false), 8u) << lint_said(found);
  for (const char* rule :
       {"traffic-before-promotion", "promotion-without-fence", "control-plane-in-lost-region", "verify-cannot-fail",
        "objective-unreachable", "traffic-before-verify", "single-approver", "no-failback"}) {
    EXPECT_TRUE(has(found, rule)) << rule << " is not among\n" << lint_said(found);
  }
  for (const Finding& f : found) EXPECT_GE(f.id, "HF2000") << "it must read without mistakes: " << f.message;
}

}  // namespace
}  // namespace hf::plan
