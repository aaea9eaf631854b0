// Passes over runbooks: can it be seen, can it start, does it check, fence, promote, verify and move traffic in an
// order that survives the disaster; who may do it; do its times add up.
#include <algorithm>

#include "base/text.h"
#include "plan/lint_pass.h"

namespace hf::plan {
namespace {

constexpr std::string_view kRoute53Plane = "us-east-1";  // where Route 53 takes changes

// A runbook with its graph, and what is asked about its order.
struct Order {
  const Runbook& runbook;
  Graph graph;

  template <class Test>
  bool comes_after(const Step& step, Test test) const {
    std::vector<std::string> before = graph.ancestors(step.name);
    return std::ranges::any_of(
        runbook.steps, [&](const Step& s) { return std::ranges::find(before, s.name) != before.end() && test(s); });
  }
};

bool is_kind(const Step& s, ActionKind kind) { return s.kind() == kind; }

// The component that the step makes writable elsewhere; empty for other steps.
std::string promoted_by(const Step& s) {
  if (const auto* a = s.as<Promote>()) return a->component;
  if (const auto* a = s.as<Switchover>()) return a->component;
  return {};
}

bool proves(const Step& s) {
  const auto* restore = s.as<Restore>();
  return is_kind(s, ActionKind::kVerify) || (restore != nullptr && restore->verify == RestoreProof::kAssertions);
}

void lint_fence(Lint& lint, const Order& order, const Step& step) {
  const auto* promote = step.as<Promote>();
  if (promote == nullptr) return;
  const Fence* weak = nullptr;
  bool fenced = order.comes_after(step, [&](const Step& s) {
    const auto* fence = s.as<Fence>();
    if (fence == nullptr || fence->component != promote->component) return false;
    if (fence->level == FenceLevel::kNone) weak = fence;
    return fence->level != FenceLevel::kNone;
  });
  if (fenced) return;
  std::string why =
      weak != nullptr ? "its fence has level none, which proves nothing" : "no fence of it comes before";
  lint.report("promotion-without-fence", step.place.path, "'" + promote->component + "' is promoted, but " + why,
              "Add a step {name: fence, fence: " + promote->component + ", level: quorum} and let '" + step.name +
                  "' need it.");
}

void lint_traffic(Lint& lint, const Order& order, const Step& step) {
  if (!is_kind(step, ActionKind::kDns)) return;
  for (const Step& other : order.runbook.steps) {
    std::string component = promoted_by(other);
    if (component.empty() || order.graph.after(step.name, other.name)) continue;
    lint.report("traffic-before-promotion", step.place.path,
                "'" + step.name + "' moves traffic without waiting for '" + other.name + "', which makes '" +
                    component + "' writable",
                "Add '" + other.name + "', or what comes after it, to the needs of '" + step.name + "'.");
  }
  bool proven =
      order.comes_after(step, [](const Step& s) { return proves(s) || is_kind(s, ActionKind::kSwitchover); });
  if (!proven) {
    lint.report("traffic-before-verify", step.place.path,
                "'" + step.name + "' moves traffic before anything proved that the target works",
                "Add a verify step and let '" + step.name + "' need it.");
  }
}

void lint_plane(Lint& lint, const Step& step) {
  std::string lost = lint.lost_region();
  const auto* dns = step.as<Dns>();
  bool route53 = dns != nullptr && dns->provider == DnsProvider::kRoute53;
  std::string plane = !step.plane.empty() ? step.plane : route53 ? std::string(kRoute53Plane) : step.region;
  if (lost.empty() || plane != lost) return;
  std::string why =
      route53 && step.plane.empty() ? "Route 53 takes changes only in " + plane : "it depends on " + plane;
  lint.report(
      "control-plane-in-lost-region", step.place.path,
      "'" + step.name + "' cannot run when " + lost + " is lost: " + why,
      "Use a provider or a plane outside " + lost + ", or records that were prepared to switch by health check.");
}

void lint_check(Lint& lint, const Order& order, const Step& step) {
  auto is_check = [](const Step& s) { return is_kind(s, ActionKind::kCheck); };
  auto changes = [](const Step& s) { return s.changes_world(); };
  if (!step.changes_world() || order.comes_after(step, is_check) || order.comes_after(step, changes)) return;
  lint.report("change-before-check", step.place.path, "'" + step.name + "' changes the world before any check",
              "Add a check step and let '" + step.name + "' need it.");
  const auto* restore = step.as<Restore>();
  if (restore == nullptr || !restore->to.empty() || order.runbook.approvals.value_or(0) >= 2) return;
  lint.report("restore-overwrites-without-check", step.place.path,
              "'" + step.name + "' overwrites '" + restore->component + "' in place",
              "Restore to a folder, or add a check and approvals: 2.");
}

// A runbook that moves production must be able to fail, and nobody may hear of success before something proved it.
void lint_verify(Lint& lint, const Order& order, bool is_failover) {
  const Runbook& book = order.runbook;
  auto moves = [](const Step& s) {
    return !promoted_by(s).empty() || is_kind(s, ActionKind::kDns) || is_kind(s, ActionKind::kRestore);
  };
  if (!std::ranges::any_of(book.steps, moves)) return;
  if (!std::ranges::any_of(book.steps, proves)) {
    lint.report_as(is_failover ? FindingSeverity::kError : FindingSeverity::kWarning, "verify-cannot-fail",
                   book.place.path, "'" + book.name + "' has no verify step: it will report success whatever answers",
                   "Add a verify step after promotion, with http and write.");
    return;
  }
  bool after_change = std::ranges::any_of(
      book.steps, [&](const Step& s) { return proves(s) && (s.as<Restore>() || order.comes_after(s, moves)); });
  if (!after_change) {
    lint.report("verify-cannot-fail", book.place.path,
                "no verify step of '" + book.name + "' comes after what it should prove",
                "Let it need the promotion.");
  }
  for (const Step& s : book.steps) {
    if (!is_kind(s, ActionKind::kAnnounce) || !order.comes_after(s, moves) || order.comes_after(s, proves)) continue;
    lint.report("verify-cannot-fail", s.place.path,
                "'" + s.name + "' announces the result without waiting for any verification",
                "Add the verify step to its needs.");
  }
}

void lint_cost(Lint& lint) {
  if (!lint.plan.cost || !lint.plan.cost->budget) return;
  const std::pair<std::optional<Money> Price::*, const char*> sides[] = {{&Price::normal, "normal"},
                                                                         {&Price::dr_active, "dr_active"}};
  for (auto [side, name] : sides) {
    const auto& limit = (*lint.plan.cost->budget).*side;
    if (!limit) continue;
    std::int64_t sum = 0;
    bool comparable = true;
    for (const CostItem& item : lint.plan.cost->components) {
      const auto& part = item.price.*side;
      if (!part) continue;
      comparable &= part->currency == limit->currency && part->per == limit->per;
      sum += part->minor_units;
    }
    if (comparable && sum <= limit->minor_units) continue;
    std::string unit = " " + limit->currency + "/" + limit->per;
    lint.report("budget-does-not-add-up", std::string("cost.budget.") + name,
                comparable ? "the parts cost " + std::to_string(sum / 100) + unit + ", the budget is " +
                                 std::to_string(limit->minor_units / 100) + unit
                           : "the parts and the budget are in different currencies or over different times",
                "Change the budget or the parts.");
  }
}

}  // namespace

void lint_detection(Lint& lint) {
  if (!lint.plan.failover) return;
  const Runbook& book = *lint.plan.failover;
  bool agreed = !book.detect.empty();
  for (const std::string& name : book.detect) {
    const HealthCheck* check = lint.plan.find_health(name);
    if (check == nullptr) continue;
    auto left = std::ranges::count_if(check->from, [&](const std::string& r) { return r != lint.lost_region(); });
    agreed &= check->needed() >= 2;
    if (left >= check->needed()) continue;
    lint.report("detection-in-lost-region", "health." + name,
                "without " + lint.lost_region() + ", " + std::to_string(left) + " vantage points of '" + name +
                    "' are left, but " + std::to_string(check->needed()) + " must agree",
                "Add regions to from, or lower quorum; never below 2.");
  }
  if (book.mode != RunbookMode::kAutomatic || (agreed && book.cool_down)) return;
  lint.report(
      "automatic-without-brake", book.place.path.empty() ? "failover" : book.place.path,
      agreed ? "an automatic failover has no cool_down" : "an automatic failover can be started by one vantage point",
      "Set cool_down, and a quorum of at least 2; or mode: propose.");
}

void lint_cycles(Lint& lint) {
  for (const Runbook* book : all_runbooks(lint.plan)) {
    std::vector<std::string> cycle = graph_of(*book).cycle();
    if (cycle.empty()) continue;
    lint.report("dependency-cycle", book->place.path + ".steps." + cycle[0],
                "steps need each other in a circle: " + join(cycle, " needs "), "Take one of the needs away.");
  }
  if (std::vector<std::string> cycle = graph_of(lint.plan.services).cycle(); !cycle.empty()) {
    lint.report("dependency-cycle", "services." + cycle[0],
                "services need each other in a circle: " + join(cycle, " needs "), "Take one of the needs away.");
  }
  std::vector<GraphNode> copies;
  for (const Vault& v : lint.plan.vaults) {
    copies.push_back({v.name, v.copy_of.empty() ? std::vector<std::string>{} : std::vector{v.copy_of}, 0});
  }
  if (std::vector<std::string> cycle = Graph(std::move(copies)).cycle(); !cycle.empty()) {
    lint.report("dependency-cycle", "vaults." + cycle[0],
                "vaults are copies of each other in a circle: " + join(cycle, " of "),
                "One of them must be the original.");
  }
}

void lint_order(Lint& lint) {
  for (const Runbook* book : all_runbooks(lint.plan)) {
    bool is_failover = lint.plan.failover && book == &*lint.plan.failover;
    Order order{*book, graph_of(*book)};
    for (const Step& step : book->steps) {
      lint_fence(lint, order, step);
      lint_traffic(lint, order, step);
      lint_check(lint, order, step);
      if (is_failover) lint_plane(lint, step);
    }
    lint_verify(lint, order, is_failover);
  }
}

void lint_approval(Lint& lint) {
  const Plan& plan = lint.plan;
  for (const auto* book : {&plan.failover, &plan.failback}) {
    if (!*book || (*book)->approvals.value_or(1) >= 2 || (*book)->mode == RunbookMode::kAutomatic) continue;
    std::string at = (*book)->name + ((*book)->approvals ? ".approvals" : "");
    lint.report("single-approver", at, "one person alone can start '" + (*book)->name + "'", "Set approvals: 2.");
  }
  if (plan.failover && !plan.failback) {
    lint.report("no-failback", "failover", "there is no way back from '" + plan.failover->target + "'",
                "Add failback: {to: " + lint.lost_region() + ", steps: [resync, switchover, traffic]}.");
  }
}

void lint_budget(Lint& lint) {
  lint_cost(lint);
  const DisasterClass* k = failover_class(lint.plan);
  if (!lint.plan.failover) return;
  const Runbook& book = *lint.plan.failover;
  Objective rto =
      k != nullptr ? objective_for(lint.plan, *k).rto : Objective{lint.plan.objectives.rto, "objectives.rto"};
  if (!rto.target) return;
  Budget b = budget_of(lint.plan, book);
  if (b.total() > *rto.target) {
    lint.report("budget-does-not-add-up", "failover",
                "detection " + format_duration(b.detect) + ", steps " + format_duration(b.steps) + " (" +
                    join(b.critical_path, ", ") + ") and DNS " + format_duration(b.dns_ttl) + " make " +
                    format_duration(b.total()) + "; " + rto.source + " is " + format_duration(*rto.target),
                "Shorten that path, run steps of it in parallel, or state the objective that you can keep.");
  }
  for (const Step& step : book.steps) {
    const auto* dns = step.as<Dns>();
    if (dns == nullptr || !dns->ttl || *dns->ttl <= *rto.target / 10) continue;
    lint.report("ttl-exceeds-rto", step.place.path,
                "resolvers may keep the old answer of '" + dns->record + "' for " + format_duration(*dns->ttl) +
                    ", a large part of the RTO of " + format_duration(*rto.target),
                "Set ttl to a minute or less, before the disaster.");
  }
}

}  // namespace hf::plan
