// The table of fields, part: drills, communication, cost, waivers, and the plan itself.
#include "plan/codec.h"
#include "plan/lint.h"
#include "plan/suggest.h"

namespace hf::plan {

const std::vector<std::string>& check_words();
void require_port(Reader& reader, const Node& node, const std::string& path, std::string_view key,
                  const std::string& address);

template <>
const ObjectType& object_of<Checklist>() {
  static const ObjectType kType =
      TypeBuilder<Checklist>("checklist", "The boxes of the document; each an observation with evidence.")
          .field("pre_failover", &Checklist::pre_failover,
                 {.doc = "before", .example = "[backups-current-and-verified]", .words = check_words()})
          .field("during", &Checklist::during,
                 {.doc = "meanwhile", .example = "[dns-updated]", .words = check_words()})
          .field("post_failover", &Checklist::post_failover,
                 {.doc = "after", .example = "[data-intact]", .words = check_words()})
          .field("recovery", &Checklist::recovery,
                 {.doc = "on the way back", .example = "[failback-completed]", .words = check_words()})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Drill>() {
  static const ObjectType kType =
      TypeBuilder<Drill>("drill", "A run in isolation that measures and tears everything down again.")
          .field("every", &Drill::every, {.doc = "cadence", .example = "1mo", .required = true, .positive = true})
          .field("limit", &Drill::limit, {.doc = "it is stopped after this", .example = "2h", .positive = true})
          .field("participants", &Drill::participants,
                 {.doc = "who takes part", .example = "[devops]", .refers = Refers::kGroup})
          .field("scope", &Drill::scope, {.doc = "how much", .example = "failover", .required = true})
          .field("components", &Drill::components,
                 {.doc = "which; absent: all", .example = "all", .refers = Refers::kComponent})
          .field("isolate", &Drill::isolate, {.doc = "where it happens", .example = "namespace"})
          .field("validate", &Drill::validate,
                 {.doc = "command that must succeed", .example = "[npm, run, \"test:dr\"]"})
          .field("production", &Drill::production, {.doc = "moves real traffic; needs approvals", .example = "true"})
          .field("approvals", &Drill::approvals, {.doc = "how many people must agree", .example = "2"})
          .check([](Reader& r, const Node& node, const std::string& path, const Drill& d) {
            if (d.production && d.approvals.value_or(0) < 1) {
              r.report("missing-key", node.place, path, "a drill in production needs approvals", "Add approvals: 2.");
            }
          })
          .done();
  return kType;
}

template <>
const ObjectType& object_of<StatusPage>() {
  static const ObjectType kType =
      TypeBuilder<StatusPage>("status page", "A Statuspage account.")
          .field("page", &StatusPage::page, {.doc = "its page id", .example = "abc123", .required = true})
          .field("token", &StatusPage::token,
                 {.doc = "API token", .example = "env:STATUSPAGE_TOKEN", .required = true})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Channel>() {
  static const ObjectType kType =
      TypeBuilder<Channel>("channel", "A way to reach people.")
          .field("webhook", &Channel::webhook,
                 {.doc = "address that takes messages", .example = "env:SLACK_WEBHOOK", .group = "how"})
          .field("channel", &Channel::channel, {.doc = "of the webhook", .example = "\"#incidents\""})
          .field("smtp", &Channel::smtp,
                 {.doc = "mail server", .example = "\"smtp://mail.example.com:587\"", .group = "how"})
          .field("from", &Channel::from, {.doc = "sender", .example = "dr@example.com"})
          .field("to", &Channel::to, {.doc = "recipients", .example = "[incidents@example.com]"})
          .field("pagerduty", &Channel::pagerduty,
                 {.doc = "integration key", .example = "env:PAGERDUTY_KEY", .group = "how"})
          .field("command", &Channel::command,
                 {.doc = "program that calls a number", .example = "[/usr/local/bin/call]", .group = "how"})
          .field("tree", &Channel::tree, {.doc = "whom it calls", .example = "phone_tree", .words = {"phone_tree"}})
          .field("statuspage", &Channel::statuspage, {.doc = "public status page", .group = "how"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Briefing>() {
  static const ObjectType kType =
      TypeBuilder<Briefing>("briefing", "Regular word to a group.")
          .field("to", &Briefing::to,
                 {.doc = "the group", .example = "executives", .required = true, .refers = Refers::kGroup})
          .field("every", &Briefing::every, {.doc = "how often", .example = "1h", .required = true, .positive = true})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Severity>() {
  static const ObjectType kType =
      TypeBuilder<Severity>("severity", "Who hears of an incident, and how.")
          .field("notify", &Severity::notify,
                 {.doc = "channels", .example = "[slack, email]", .required = true, .refers = Refers::kChannel})
          .field("groups", &Severity::groups, {.doc = "people", .example = "[engineering]", .refers = Refers::kGroup})
          .field("war_room", &Severity::war_room,
                 {.doc = "where they meet", .example = "\"https://meet.example.com/emergency\""})
          .field("briefing", &Severity::briefing, {.doc = "regular word to a group"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Deadlines>() {
  static const ObjectType kType =
      TypeBuilder<Deadlines>("deadlines", "How soon people must hear.")
          .field("first", &Deadlines::first, {.doc = "first word after detection", .example = "5m"})
          .field("update", &Deadlines::update, {.doc = "between updates", .example = "30m"})
          .field("resolved", &Deadlines::resolved, {.doc = "after the end", .example = "0s"})
          .field("postmortem", &Deadlines::postmortem, {.doc = "written after the end", .example = "48h"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Template>() {
  static const ObjectType kType =
      TypeBuilder<Template>("template", "A message.")
          .field("name", &Template::title,
                 {.doc = "title of the incident", .example = "Failover to DR site completed"})
          .field("subject", &Template::subject, {.doc = "of a mail", .example = "Service Disruption Notice"})
          .field("file", &Template::file, {.doc = "its text", .example = "templates/customer.md"})
          .field("updates", &Template::updates,
                 {.doc = "where people can follow", .example = "\"https://status.example.com\""})
          .field("status", &Template::status,
                 {.doc = "for the status page",
                  .example = "identified",
                  .words = {"investigating", "identified", "monitoring", "resolved"}})
          .field("impact", &Template::impact,
                 {.doc = "for the status page", .example = "major", .words = {"none", "minor", "major", "critical"}})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Audit>() {
  static const ObjectType kType =
      TypeBuilder<Audit>("audit export", "The journal as rows of an SQL table.")
          .field("sql", &Audit::sql,
                 {.doc = "the database", .example = "env:AUDIT_DB", .required = true, .dsn = true})
          .field("table", &Audit::table, {.doc = "the table", .example = "dr_audit_log", .required = true})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Console>() {
  static const ObjectType kType =
      TypeBuilder<Console>("console", "The web console.")
          .field("url", &Console::url,
                 {.doc = "its public address", .example = "\"https://dr-dashboard.example.com\"", .required = true})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Price>() {
  static const ObjectType kType =
      TypeBuilder<Price>("price", "Cost over time.")
          .field("normal", &Price::normal, {.doc = "while nothing happens", .example = "3800 USD/month"})
          .field("dr_active", &Price::dr_active,
                 {.doc = "while the standby region carries everything", .example = "8400 USD/month"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<CostItem>() {
  static const ObjectType kType =
      TypeBuilder<CostItem>("cost item", "One row of the cost table.")
          .field("normal", &CostItem::price, &Price::normal,
                 {.doc = "while nothing happens", .example = "1000 USD/month"})
          .field("dr_active", &CostItem::price, &Price::dr_active,
                 {.doc = "while the standby region carries everything", .example = "3000 USD/month"})
          .field("optimize", &CostItem::optimize,
                 {.doc = "ways to pay less",
                  .example = "[autoscaling, spot]",
                  .words = {"autoscaling", "spot", "off-hours", "lifecycle", "critical-copies-only", "reserved",
                            "regional-cache"}})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Cost>() {
  static const ObjectType kType =
      TypeBuilder<Cost>("cost", "What the plan costs.")
          .field("prices", &Cost::prices, {.doc = "price sheet", .example = "prices/aws-2026.json"})
          .field("budget", &Cost::budget, {.doc = "what it may cost"})
          .named("components", &Cost::components, {.doc = "rows"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Waiver>() {
  static const ObjectType kType =
      TypeBuilder<Waiver>("waiver", "A finding accepted on purpose.")
          .field("rule", &Waiver::rule, {.doc = "the rule", .example = "single-approver", .required = true})
          .field("at", &Waiver::at,
                 {.doc = "path of the finding, or of what contains it",
                  .example = "failover.steps.traffic",
                  .required = true})
          .field("by", &Waiver::by,
                 {.doc = "the person who decided", .example = "dr-coordinator@example.com", .required = true})
          .field("until", &Waiver::until,
                 {.doc = "last day on which it holds (UTC)", .example = "2027-06-30", .required = true})
          .field("reason", &Waiver::reason, {.doc = "why", .example = "\"...\"", .required = true})
          .check([](Reader& r, const Node& node, const std::string& path, const Waiver& w) {
            const Member* rule = node.find("rule");
            if (rule == nullptr || w.rule.empty() || find_rule(w.rule) != nullptr) return;
            std::vector<std::string> known;
            for (const Rule& one : rules()) known.emplace_back(one.slug);
            r.report("dangling-name", rule->value.place, path + ".rule", "there is no rule '" + w.rule + "'",
                     did_you_mean(w.rule, known));
          })
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Communication>() {
  static const ObjectType kType = TypeBuilder<Communication>("communication", "Who is told what, how, and by when.")
                                      .named("channels", &Communication::channels, {.doc = "ways to reach people"})
                                      .named("severities", &Communication::severities, {.doc = "P1 is the worst"})
                                      .field("deadlines", &Communication::deadlines, {.doc = "how soon"})
                                      .field("alerts", &Communication::alerts,
                                             {.doc = "which channels hear of which event",
                                              .example = "{verify-failed: [slack, email]}",
                                              .refers = Refers::kChannel})
                                      .named("templates", &Communication::templates, {.doc = "messages"})
                                      .done();
  return kType;
}

template <>
const ObjectType& object_of<Plan>() {
  static const ObjectType kType =
      TypeBuilder<Plan>("plan", "The machine-readable Disaster Recovery Plan.")
          .field("plan", &Plan::version,
                 {.doc = "version of this format", .example = "1", .required = true, .positive = true})
          .field("organization", &Plan::organization,
                 {.doc = "whose plan it is", .example = "Example", .required = true})
          .field("review", &Plan::review, {.doc = "when the plan itself is reviewed"})
          .field("contacts", &Plan::contacts, {.doc = "who is called"})
          .named("groups", &Plan::groups, {.doc = "people, by name of the group"})
          .field("objectives", &Plan::objectives, {.doc = "targets for all that says nothing else"})
          .named("classes", &Plan::classes, {.doc = "disasters, by name of the class"})
          .named("regions", &Plan::regions, {.doc = "failure domains, by name", .required = true})
          .field("coordination", &Plan::coordination, {.doc = "where several Holdfasts agree"})
          .field("resolver", &Plan::resolver, {.doc = "DNS server for names of services and checks"})
          .named("vaults", &Plan::vaults, {.doc = "repositories of backups, by name"})
          .field("maintenance", &Plan::maintenance, {.doc = "when vaults are looked after"})
          .named("components", &Plan::components, {.doc = "things with data to protect, by name", .required = true})
          .named("services", &Plan::services, {.doc = "things that users reach, by name"})
          .named("health", &Plan::health, {.doc = "health checks, by name"})
          .field("failover", &Plan::failover, {.doc = "the runbook for the loss of the primary region"})
          .field("failback", &Plan::failback, {.doc = "the way back"})
          .named("runbooks", &Plan::runbooks, {.doc = "runbooks for other disasters, by name"})
          .field("checklist", &Plan::checklist, {.doc = "the boxes of the document"})
          .named("drills", &Plan::drills, {.doc = "exercises, by name"})
          .field("communication", &Plan::communication, {.doc = "who is told what"})
          .field("compliance", &Plan::compliance,
                 {.doc = "regulations that evidence is mapped to", .example = "[soc2, gdpr]"})
          .field("audit", &Plan::audit, {.doc = "the journal as an SQL table"})
          .field("console", &Plan::console, {.doc = "the web console"})
          .field("cost", &Plan::cost, {.doc = "what the plan costs"})
          .field("waivers", &Plan::waivers, {.doc = "findings accepted on purpose"})
          .check([](Reader& r, const Node& node, const std::string&, const Plan& plan) {
            const Member* version = node.find("plan");
            if (version == nullptr || plan.version == 1) return;
            r.report("bad-value", version->value.place, "plan", "this program reads version 1 of the format",
                     "Write plan: 1, or use a newer holdfast.");
          })
          .done();
  return kType;
}

const ObjectType& plan_type() { return object_of<Plan>(); }

}  // namespace hf::plan
