#include "plan/load.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "plan/enums.h"
#include "plan/suggest.h"
#include "plan/testing_plans.h"

namespace hf::plan {
namespace {

using testing::changed;
using testing::changed_in;
using testing::has;
using testing::sound_plan;

Loaded load_text(const std::string& text) { return load({{"holdfast.yaml", text}}); }

std::string said(const std::vector<Finding>& findings) {
  std::string out;
  for (const Finding& f : findings) out += f.rule + "@" + f.place.path + ": " + f.message + " | " + f.hint + "\n";
  return out;
}

std::string example() { return testing::read_text(std::string(HF_SOURCE_DIR) + "/docs/plan.example.yaml"); }

TEST(Load, TheExampleReadsIntoEveryType) {
  Loaded loaded = load_text(example());
  ASSERT_TRUE(loaded.findings.empty()) << said(loaded.findings);
  const Plan& p = loaded.plan;
  EXPECT_EQ(p.organization, "Example");
  EXPECT_EQ(p.review->every, std::chrono::hours(24 * 180));
  EXPECT_EQ(p.contacts.phone_tree, (std::vector<std::string>{"devops", "engineering", "executives"}));
  EXPECT_EQ(p.groups.size(), 5U);
  EXPECT_EQ(p.groups[0].may.size(), 3U);
  EXPECT_EQ(p.find_class("L1")->title, "Critical");
  EXPECT_EQ(p.find_class("L1")->objectives.rpo, std::chrono::minutes(15));
  EXPECT_EQ(p.primary_region()->name, "us-east-1");
  EXPECT_EQ(p.find_region("us-west-2")->warm->off_hours->window.from.hour, 20);
  EXPECT_EQ(p.coordination->endpoints.size(), 3U);
  EXPECT_EQ(to_string(p.find_vault("main")->key), "env:HOLDFAST_PASSPHRASE");
  EXPECT_EQ(p.find_vault("archive")->only->kinds.size(), 2U);
  EXPECT_EQ(p.maintenance->scrub->every, std::chrono::hours(24 * 30));
  const Component& db = *p.find_component("orders-db");
  ASSERT_NE(db.postgres(), nullptr);
  EXPECT_EQ(db.postgres()->replicas[1].mode, ReplicaMode::kAsync);
  EXPECT_EQ(db.postgres()->rds->recover_as->instance_class, "db.r5.2xlarge");
  EXPECT_EQ(db.backups[2].quorum->any, 2);
  EXPECT_EQ(to_string(*db.backups[3].at), "Sun 03:00 UTC");
  EXPECT_EQ(p.find_component("configuration")->backups[0].on, BackupTrigger::kChange);
  EXPECT_TRUE(p.find_component("uploads")->backups[0].keep.forever);
  EXPECT_EQ(p.find_component("cluster-state")->kubernetes()->secrets, SecretsPolicy::kEncrypted);
  EXPECT_EQ(p.find_service("api-gateway")->health->p95, std::chrono::milliseconds(500));
  EXPECT_EQ(p.find_health("api")->quorum, 2);
  EXPECT_EQ(p.failover->steps.size(), 12U);
  EXPECT_EQ(p.failover->find_step("fence")->as<Fence>()->level, FenceLevel::kNetwork);
  EXPECT_EQ(p.failover->find_step("configure")->as<Configure>()->kubernetes->env[0].second, "{orders-db.host}");
  EXPECT_TRUE(p.failover->find_step("services")->as<RestoreServices>()->services.all);
  EXPECT_EQ(p.failover->find_step("traffic")->as<Dns>()->alias->evaluate_health, true);
  EXPECT_EQ(p.failback->max_loss, Micros(0));
  EXPECT_EQ(p.runbooks[1].steps[0].as<Restore>()->verify, RestoreProof::kAssertions);
  EXPECT_EQ(p.drills[2].isolate->terraform, "infra/dr-test");
  EXPECT_EQ(p.drills[3].production, true);
  EXPECT_EQ(p.communication->channels.size(), 5U);
  EXPECT_EQ(p.communication->severities[0].briefing->every, std::chrono::hours(1));
  EXPECT_EQ(p.communication->alerts.size(), 5U);
  EXPECT_EQ(p.compliance.size(), 4U);
  EXPECT_EQ(p.cost->budget->dr_active->minor_units, 840000);
  EXPECT_EQ(p.cost->components[0].price.normal->currency, "USD");
  EXPECT_EQ(format_time(p.waivers[0].until), "2027-07-01T00:00:00Z");
}

TEST(Load, AmountsAreCountedInHundredths) {
  for (const auto& [text, hundredths] : {std::pair("3800 USD/month", 380000), {"0.05 USD/month", 5}, {"12.50 USD/month", 1250}}) {
    const Loaded loaded = load_text(changed("objectives:", std::string("cost: {budget: {normal: ") + text + "}}\nobjectives:"));
    ASSERT_TRUE(loaded.plan.cost && loaded.plan.cost->budget && loaded.plan.cost->budget->normal) << said(loaded.findings);
    EXPECT_EQ(loaded.plan.cost->budget->normal->minor_units, hundredths) << text;
  }
}

TEST(Load, PlacesPointIntoTheText) {
  Loaded loaded = load_text(example());
  const Step& step = *loaded.plan.failover->find_step("traffic");
  EXPECT_EQ(step.place.path, "failover.steps.traffic");
  std::string text = example();
  std::size_t at = 0;
  for (int line = 1; line < step.place.line; ++line) at = text.find('\n', at) + 1;
  EXPECT_EQ(text.substr(at + static_cast<std::size_t>(step.place.column) - 1, 7), "traffic");
  EXPECT_EQ(loaded.plan.place_of("vaults.main.url").line, loaded.plan.find_vault("main")->place.line);
  EXPECT_EQ(loaded.plan.place_of("vaults.main.nothing.here").line, loaded.plan.find_vault("main")->place.line);
}

// Each mistake: the edit of the sound plan, the rule, the path, and what the hint must say.
struct Mistake {
  const char* rule;
  const char* path;
  const char* from;
  const char* to;
  const char* hint;
};

const Mistake kMistakes[] = {
    {"unknown-key", "organisation", "organization: Test", "organization: Test\norganisation: Test", "organization"},
    {"unknown-key", "failover.steps.promote.timeot", "timeout: 1m", "timeot: 1m", "timeout"},
    {"unknown-key", "failover.steps.fence.too", "level: quorum", "level: quorum, too: us-west", "Known"},
    {"duplicate-key", "", "organization: Test", "organization: Test\norganization: Again", "line 2"},
    {"missing-key", "", "organization: Test\n", "", "organization"},
    {"missing-key", "failover.steps.fence", ", level: quorum", "", "level"},
    {"missing-key", "vaults.copy", ", within: 1m", "", "within"},
    {"missing-key", "vaults.main", ", key_file: /keys/main", "", "key"},
    {"missing-key", "regions", "role: primary", "role: standby", "primary"},
    {"wrong-type", "services", "services:\n", "services: [a]\nhealth_of:\n", ""},
    {"wrong-type", "failover.steps.fence.needs", "level: quorum, needs: [checks]", "level: quorum, needs: checks",
     "[a, b]"},
    {"wrong-type", "organization", "organization: Test", "organization: [Test]", "text"},
    {"unit-missing", "failover.cool_down", "cool_down: 1h", "cool_down: 3600", "3600s"},
    {"unit-missing", "components.settings.backups.0.keep", "keep: 14d", "keep: 14", "14h"},
    {"bad-value", "failover.cool_down", "cool_down: 1h", "cool_down: 1 hour", "90s"},
    {"bad-value", "failover.cool_down", "cool_down: 1h", "cool_down: -1h", "90s"},
    {"bad-value", "classes.L1.rto", "rto: 10m, rpo: 0s", "rto: 0s, rpo: 0s", "duration"},
    {"bad-value", "components.orders-db.backups.0.at", "\"02:00 UTC\"", "\"25:00 UTC\"", "Sun 03:00 UTC"},
    {"bad-value", "components.orders-db.backups.0.at", "\"02:00 UTC\"", "\"-2:00 UTC\"", "Sun 03:00 UTC"},
    {"bad-value", "cost.budget.normal", "objectives:", "cost: {budget: {normal: 1.5 USD/month}}\nobjectives:",
     "3800 USD/month"},
    {"bad-value", "cost.budget.normal", "objectives:", "cost: {budget: {normal: -3 USD/month}}\nobjectives:",
     "3800 USD/month"},
    {"bad-value", "cost.budget.normal", "objectives:", "cost: {budget: {normal: 3 usd/month}}\nobjectives:",
     "3800 USD/month"},
    {"bad-value", "cost.budget.normal", "objectives:", "cost: {budget: {normal: 3 USD/week}}\nobjectives:",
     "3800 USD/month"},
    {"bad-value", "components.orders-db.backups.0.at", "\"02:00 UTC\"", "\"Son 02:00 UTC\"", "Sun 03:00 UTC"},
    {"bad-value", "failover.approvals", "cool_down: 1h\n  approvals: 2", "cool_down: 1h\n  approvals: two",
     "whole number"},
    {"bad-value", "health.orders.fall", "fall: 2", "fall: 0", "whole number"},
    {"bad-value", "health.orders", "quorum: 2", "quorum: 4", "Lower quorum"},
    {"bad-value", "resolver.server", "server: \"127.0.3.1:5353\"}\nvaults", "server: \"127.0.3.1\"}\nvaults",
     "HOST:PORT"},
    {"bad-value", "runbooks.corruption.steps.recover.restore.at", "at: ask", "at: yesterday", "latest"},
    {"bad-value", "regions", "us-west: {role: standby,", "\"us west\": {role: standby,", "letters"},
    {"bad-value", "plan", "plan: 1\n", "plan: 2\n", "plan: 1"},
    {"bad-value", "components.orders-db.backups.1.continuous", "continuous: true", "continuous: maybe",
     "true or false"},
    {"ambiguous-scalar", "components.orders-db.backups.1.continuous", "continuous: true", "continuous: yes", "true"},
    {"ambiguous-scalar", "failover.approvals", "cool_down: 1h\n  approvals: 2", "cool_down: 1h\n  approvals: 02",
     "decimal"},
    {"ambiguous-scalar", "organization", "organization: Test", "organization: No", "quotes"},
    {"ambiguous-scalar", "services.orders.port", "port: 8080", "port: 0x1f90", "decimal"},
    {"unknown-word", "failover.mode", "mode: propose", "mode: propse", "propose"},
    {"unknown-word", "failover.steps.checks.check.0", "check: [standby-healthy", "check: [standby-healty",
     "standby-healthy"},
    {"unknown-word", "components.settings.kind", "kind: files", "kind: file", "files"},
    {"dangling-name", "components.settings.class", "class: L4", "class: L5", "L1"},
    {"dangling-name", "components.settings.backups.0.vault", "every: 6h, vault: main", "every: 6h, vault: mian",
     "main"},
    {"dangling-name", "failover.steps.promote.needs.0", "timeout: 1m, needs: [fence]", "timeout: 1m, needs: [fense]",
     "fence"},
    {"dangling-name", "failover.steps.promote.to", "to: us-west, timeout", "to: us-wst, timeout", "us-west"},
    {"dangling-name", "failover.steps.fence.fence", "fence: orders-db", "fence: orders", "orders-db"},
    {"dangling-name", "components.orders-db.quorum.of.1", "receiver_west, receiver_eu]",
     "reciever_west, receiver_eu]", "receiver_west"},
    {"dangling-name", "failover.steps.verify.verify.for.0", "for: [orders]", "for: [order]", "orders"},
    {"dangling-name", "health.orders.from.2", "us-west, eu-west]", "us-west, eu-wets]", "eu-west"},
    {"dangling-name", "classes.L1.severity", "severity: P1", "severity: P9", "P1"},
    {"exactly-one", "failover.steps.fence", "fence: orders-db, level", "fence: orders-db, promote: orders-db, level",
     "each"},
    {"exactly-one", "failover.steps.checks", "check: [standby-healthy, fence-possible]", "retries: 1", "announce"},
    {"exactly-one", "components.settings.backups.0", "{every: 6h,", "{every: 6h, on: change,", "one"},
    {"exactly-one", "components.settings.backups.0", "{every: 6h,", "{", "exactly one"},
    {"exactly-one", "health.orders", "every: 1s, timeout", "tcp: \"a:1\", every: 1s, timeout", "one"},
    {"exactly-one", "failover.steps.traffic.dns", "a: [\"127.0.2.1\"], ", "", "cname"},
    {"exactly-one", "vaults.copy", "within: 1m", "within: 1m, key: env:X, key_file: /x", "Keep one"},
    {"exactly-one", "vaults.main.within", "key_file: /keys/main", "key_file: /keys/main, within: 1m", "copy_of"},
    {"secret-in-plan", "components.orders-db.primary.dsn", "dsn: env:PRIMARY", "dsn: \"postgres://u:secret@h/db\"",
     "env:NAME"},
    {"secret-in-plan", "components.orders-db.primary.dsn", "dsn: env:PRIMARY", "dsn: \"host=h password = 'x'\"",
     "env:NAME"},
    {"secret-in-plan", "components.orders-db.primary.dsn", "dsn: env:PRIMARY",
     "dsn: \"postgres://h/db?user=a&password=x\"", "env:NAME"},
    {"secret-in-plan", "failover.steps.traffic.dns.tsig.secret", "secret: file:/keys/tsig", "secret: c2VjcmV0",
     "file:PATH"},
    {"duplicate-name", "failover.steps.fence", "{name: promote, promote", "{name: fence, promote", "Rename"},
    {"duplicate-name", "regions.us-west", "role: standby", "role: primary", "standby"},
    {"empty-value", "failover.confirm", "confirm: FAILOVER", "confirm:", "FAILOVER"},
    {"empty-value", "organization", "organization: Test", "organization: \"\"", ""},
    {"anchor-or-alias", "", "organization: Test", "organization: &o Test", "out"},
    {"anchor-or-alias", "", "organization: Test", "organization: *o", "out"},
    {"yaml-extra", "", "organization: Test", "organization: !!str Test", "tag"},
    {"yaml-extra", "", "objectives:", "---\nobjectives:", "---"},
};

TEST(Load, EachMistakeIsNamedAtItsPlaceWithAHint) {
  EXPECT_TRUE(load_text(sound_plan()).findings.empty()) << said(load_text(sound_plan()).findings);
  for (const Mistake& m : kMistakes) {
    Loaded loaded = load_text(changed(m.from, m.to));
    auto at = std::ranges::find_if(loaded.findings,
                                   [&](const Finding& f) { return f.rule == m.rule && f.place.path == m.path; });
    ASSERT_NE(at, loaded.findings.end()) << m.rule << "@" << m.path << " after " << m.to << "\n"
                                         << said(loaded.findings);
    EXPECT_NE(at->hint.find(m.hint), std::string::npos) << m.rule << "@" << m.path << ": " << at->hint;
    EXPECT_GE(at->place.line, 1);
    EXPECT_FALSE(loaded.ok());
  }
}

TEST(Load, ASecretInThePlanIsNeverRepeatedInTheFinding) {
  std::vector<Source> sources{{"p", changed("dsn: env:PRIMARY", "dsn: \"postgres://u:hunter2@h/db\", prot: 1")}};
  Loaded loaded = load(sources);
  ASSERT_TRUE(has(loaded.findings, "secret-in-plan"));
  ASSERT_TRUE(has(loaded.findings, "unknown-key"));
  for (const Finding& f : loaded.findings) {
    EXPECT_EQ(render(f, sources, false).find("hunter2"), std::string::npos);
    EXPECT_EQ(dump_json(to_json(f)).find("hunter2"), std::string::npos);
  }
}

TEST(Load, TenMistakesGiveTenFindings) {
  std::string text = sound_plan();
  const std::pair<const char*, const char*> edits[] = {
      {"organization: Test", "organisation: Test"},  // unknown, and the right one missing
      {"mode: propose", "mode: propse"},
      {"cool_down: 1h", "cool_down: 60"},
      {"max_loss: 0s", "max_loss: none"},
      {"role: standby", "role: standbi"},
      {"keep: 30d", "keep: yes"},
      {"class: L4", "class: L5"},
      {"every: 6h, vault: main", "every: 6h, vault: mian"},
      {"level: quorum", "level: qorum"}};
  for (auto [from, to] : edits) text = changed_in(text, from, to);
  EXPECT_EQ(load_text(text).findings.size(), 10U) << said(load_text(text).findings);
}

TEST(Load, ASyntaxErrorIsOneFinding) {
  for (const char* tail :
       {"bad: [a, b\n", "bad: {a\n", "bad: \"open\n", "bad: a: b\n", "\tbad: 1\n", "bad\n", "- 1\n"}) {
    Loaded loaded = load_text("mode: [\n" + sound_plan() + tail);
    ASSERT_EQ(loaded.findings.size(), 1U) << tail;
    EXPECT_EQ(loaded.findings[0].rule, "yaml-syntax");
    EXPECT_FALSE(loaded.findings[0].message.empty());
  }
}

TEST(Load, ASyntaxErrorSaysWhatAndWhere) {
  Loaded loaded = load_text("plan: 1\nregions: {a: [b, c}\n");
  ASSERT_EQ(loaded.findings.size(), 1U);
  EXPECT_EQ(loaded.findings[0].place.line, 2);
  EXPECT_NE(loaded.findings[0].message, "the text is not YAML");
}

TEST(Load, LimitsHold) {
  EXPECT_TRUE(has(load_text(std::string(kMaxSourceBytes + 1, '#')).findings, "input-limit"));
  EXPECT_FALSE(has(load_text(std::string(kMaxSourceBytes, '#')).findings, "input-limit"));
  EXPECT_TRUE(has(load_text("a: " + std::string(40, '[') + std::string(40, ']')).findings, "input-limit"));
  std::string many = "a: [";
  for (int i = 0; i < 250'000; ++i) many += "1,";
  EXPECT_TRUE(has(load_text(many + "1]").findings, "input-limit"));
  std::string keys;
  for (int i = 0; i < 12'000; ++i) keys += "k" + std::to_string(i) + ": 1\n";
  EXPECT_TRUE(has(load_text(keys).findings, "input-limit"));
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'z'; ++c)
    bomb += std::string(1, c) + ": &" + c + " [*" + std::string(1, static_cast<char>(c - 1)) + ",*a,*a]\n";
  EXPECT_TRUE(has(load_text(bomb).findings, "anchor-or-alias"));
}

TEST(Load, SourcesMergeMapsAppendListsAndRefuseAScalarTwice) {
  Source main{"holdfast.yaml", sound_plan()};
  Source more{"holdfast.d/10.yaml",
              "services:\n  extra: {priority: low}\nregions:\n  us-west: {address: 127.0.2.9}\n"};
  Loaded twice = load({main, more});
  ASSERT_EQ(twice.findings.size(), 1U) << said(twice.findings);
  EXPECT_EQ(twice.findings[0].rule, "merge-conflict");
  EXPECT_EQ(twice.findings[0].place.file, "holdfast.d/10.yaml");
  EXPECT_EQ(twice.findings[0].place.path, "regions.us-west.address");
  more.text =
      "services:\n  extra: {priority: low}\nwaivers: [{rule: no-failback, at: failover, by: a, until: 2030-01-01, "
      "reason: b}]\n";
  Source third{"holdfast.d/20.yaml",
               "waivers: [{rule: no-failback, at: failover, by: c, until: 2030-01-01, reason: d}]\n"};
  Loaded merged = load({main, more, third});
  EXPECT_TRUE(merged.findings.empty()) << said(merged.findings);
  EXPECT_NE(merged.plan.find_service("extra"), nullptr);
  EXPECT_EQ(merged.plan.waivers.size(), 2U);
  EXPECT_TRUE(has(load({main, {"x", "services: [a]"}}).findings, "merge-conflict", "services"));
  EXPECT_TRUE(has(load({main, {"x", "- a"}}).findings, "wrong-type"));
  EXPECT_EQ(load({main, {"x", ""}, {"y", "# nothing\n"}}).findings.size(), 0U);
}

TEST(Load, TheCanonicalFormFollowsMeaningNotWriting) {
  std::string a = load_text(sound_plan()).canonical;
  EXPECT_EQ(a, load_text("# a comment\n" + changed("organization: Test", "organization:   'Test'")).canonical);
  EXPECT_NE(a, load_text(changed("organization: Test", "organization: test")).canonical);
  EXPECT_NE(a, load_text(changed("needs: [verify]", "needs: [users]")).canonical);
  EXPECT_EQ(load_text(changed("mode: propose", "mode: [")).canonical, "");
}

// A file that was cut anywhere is refused or read, never a crash; the whole of it, and no other part, reads well.
TEST(Load, TruncationAtEverySeventhByteIsSafe) {
  std::string text = example(), whole = load_text(text).canonical;
  for (std::size_t n = 0; n + 100 < text.size(); n += 7) {
    Loaded loaded = load_text(text.substr(0, n));
    EXPECT_TRUE(!loaded.ok() || loaded.canonical != whole) << n;
    for (const Finding& f : loaded.findings)
      EXPECT_FALSE(render(f, {{"holdfast.yaml", text.substr(0, n)}}, true).empty());
  }
}

TEST(Load, FlippedBytesAreSafe) {
  std::string text = example();
  for (std::size_t i = 0; i < text.size(); i += 67) {
    for (char c : {'\0', '\xff', '{', '\n', '"'}) {
      std::string bent = text;
      bent[i] = c;
      for (const Finding& f : load_text(bent).findings) EXPECT_FALSE(f.id.empty());
    }
  }
}

TEST(Load, AnEmptyTextIsAPlanThatLacksEverything) {
  for (const char* text : {"", "\n", "# nothing\n", "---\n", "~", "null"}) EXPECT_FALSE(load_text(text).ok()) << text;
  EXPECT_FALSE(load({}).ok());
}

template <class E>
void every_word_reads_back() {
  ASSERT_FALSE(words_of<E>().empty());
  for (const EnumWord<E>& w : words_of<E>()) EXPECT_EQ(to_string(w.value), w.word);
}

TEST(Enums, EveryWordReadsBack) {
  every_word_reads_back<ComponentKind>();
  every_word_reads_back<BackupKind>();
  every_word_reads_back<StorageClass>();
  every_word_reads_back<FenceLevel>();
  every_word_reads_back<ActionKind>();
  every_word_reads_back<Regulation>();
  every_word_reads_back<DrillScope>();
  EXPECT_EQ(words_of<ActionKind>().size(), std::variant_size_v<Action>);
  for (const char* level : {"attested", "lease", "network", "quorum", "power"}) {
    EXPECT_TRUE(load_text(changed("level: quorum", std::string("level: ") + level)).ok()) << level;
  }
  for (const char* c : {"STANDARD", "STANDARD_IA", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"}) {
    EXPECT_TRUE(load_text(changed("within: 1m", std::string("within: 1m, storage_class: ") + c)).ok()) << c;
  }
  for (const char* r : {"soc2", "gdpr", "hipaa", "pci-dss", "iso22301", "nis2", "dora"}) {
    EXPECT_TRUE(load_text(sound_plan() + "compliance: [" + r + "]\n").ok()) << r;
  }
  for (const char* k : {"full", "incremental", "wal", "logical", "snapshot"}) {
    EXPECT_TRUE(load_text(changed("{kind: wal, ", std::string("{kind: ") + k + ", ")).ok()) << k;
  }
}

TEST(Steps, EveryActionReadsIntoItsType) {
  const std::pair<const char*, ActionKind> actions[] = {
      {"check: [primary-down]", ActionKind::kCheck},
      {"fence: orders-db, level: attested", ActionKind::kFence},
      {"scale: {kubernetes: {context: c, deployment: d, namespace: ns, count: 3}}", ActionKind::kScale},
      {"promote: orders-db, to: orders_db_west", ActionKind::kPromote},
      {"configure: {file: {path: /x, set: {A: b}}}", ActionKind::kConfigure},
      {"restore_services: [orders]", ActionKind::kRestoreServices},
      {"verify: {tcp: \"h:1\"}", ActionKind::kVerify},
      {"dns: {provider: route53, zone: z, record: r, cname: c}", ActionKind::kDns},
      {"restore: {component: settings, at: \"lsn:0/16B3748\"}", ActionKind::kRestore},
      {"resync: orders-db, to: us-east", ActionKind::kResync},
      {"switchover: orders-db, to: us-east", ActionKind::kSwitchover},
      {"exec: {argv: [a, b], observe: [c]}", ActionKind::kExec}};
  for (auto [text, kind] : actions) {
    Loaded loaded = load_text(sound_plan() + "  one: {steps: [{name: it, " + text +
                              ", retries: 2, expect: 5s, irreversible: true}]}\n");
    ASSERT_TRUE(loaded.findings.empty()) << text << "\n" << said(loaded.findings);
    const Step& step = loaded.plan.find_runbook("one")->steps[0];
    EXPECT_EQ(step.kind(), kind) << text;
    EXPECT_EQ(step.retries, 2);
    EXPECT_TRUE(step.is_irreversible());
  }
}

TEST(Render, PointsWithACaretUnderThePlace) {
  std::vector<Source> sources{{"holdfast.yaml", changed("mode: propose", "mode: propse")}};
  Loaded loaded = load(sources);
  ASSERT_EQ(loaded.findings.size(), 1U);
  std::string shown = render(loaded.findings[0], sources, false);
  EXPECT_NE(shown.find("error[HF1012]: 'propse' is no word that 'mode' knows (unknown-word)"), std::string::npos)
      << shown;
  EXPECT_NE(shown.find("|   mode: propse\n"), std::string::npos) << shown;
  EXPECT_NE(shown.find("|         ^^^^^^\n"), std::string::npos) << shown;
  EXPECT_NE(shown.find("Did you mean 'propose'?"), std::string::npos) << shown;
  EXPECT_NE(render(loaded.findings[0], sources, true).find("\x1b["), std::string::npos);
  Json json = to_json(loaded.findings[0]);
  for (const char* key : {"id", "severity", "rule", "file", "line", "column", "end_line", "end_column", "message",
                          "hint", "waived_by"}) {
    EXPECT_NE(json.find(key), nullptr) << key;
  }
}

TEST(Suggest, NearWordsOnly) {
  EXPECT_EQ(nearest("postgers", {"files", "postgres"}), "postgres");
  EXPECT_EQ(nearest("kidn", {"kind"}), "kind");
  EXPECT_EQ(nearest("zebra", {"kind", "files"}), "");
  EXPECT_EQ(nearest("", {"kind"}), "");
  EXPECT_EQ(nearest(std::string(500, 'a'), {"kind"}), "");
}

}  // namespace
}  // namespace hf::plan
