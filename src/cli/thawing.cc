#include "cli/thawing.h"

#include "base/text.h"
#include "vault/tiers/storage_class.h"

namespace hf::cli {

namespace {

using Readable = vault::KeptState::Readable;

std::string count_and_bytes(const vault::ThawPlan& plan, Readable state) {
  return format_count(plan.count(state)) + " packs, " + format_bytes(plan.bytes(state));
}

// "Bulk (within 12h, about $0.02)"
std::string offer(const vault::ThawPlan& plan, const std::string& tier) {
  const vault::ThawEstimate estimate = vault::estimate_thaw(plan, tier);
  return tier + " (within " + format_duration(estimate.longest) + ", about " + vault::format_dollars(estimate.dollars) + ")";
}

bool offers(const vault::ThawPlan& plan, const std::string& tier) {
  for (const vault::ArchivedPack& pack : plan.packs) {
    if (pack.state == Readable::kArchived && !vault::thaw_terms(pack.storage_class, tier)) return false;
  }
  return true;
}

Error must_ask(const vault::ThawPlan& plan) {
  std::string tiers;
  for (const char* tier : {"Bulk", "Standard", "Expedited"}) {
    if (offers(plan, tier)) tiers += (tiers.empty() ? "" : ", ") + offer(plan, tier);
  }
  return make_error(ErrorKind::kBlocked, count_and_bytes(plan, Readable::kArchived) + ", that are needed, are archived")
      .with_hint("Run the same command with --thaw TIER: " + tiers + ". Estimated by the prices of " + vault::kPricesOf + ".");
}

Error on_their_way(const vault::ThawPlan& plan) {
  return make_error(ErrorKind::kBlocked, count_and_bytes(plan, Readable::kOnItsWay) + ", are on their way back from the archive")
      .with_hint("Run the same command again later, within " + std::to_string(vault::kThawDays) +
                 " days; without --no-wait it waits for them.");
}

}  // namespace

std::vector<Option> thaw_options() {
  return {{"--thaw", "TIER", "bring archived packs back first: Bulk, Standard or Expedited; costs money", false, false},
          {"--no-wait", "", "with --thaw: ask for them, and do not wait until they are there", false, false}};
}

Result<Json> thaw_first(Context& context, const Arguments& args, vault::Repository& repository,
                        const vault::EachEntry& entries) {
  const std::string tier = args.get_or("--thaw", "");
  if (!tier.empty() && tier != "Bulk" && tier != "Standard" && tier != "Expedited") {
    return make_error(ErrorKind::kUsage, "--thaw " + tier + " is not a tier").with_hint("Write Bulk, Standard or Expedited.");
  }
  HF_ASSIGN(vault::ThawPlan plan, vault::plan_thaw(repository, entries));
  if (plan.packs.empty()) return Json();
  const std::uint64_t asked = plan.count(Readable::kArchived);
  const std::uint64_t asked_bytes = plan.bytes(Readable::kArchived);
  const vault::ThawEstimate estimate = vault::estimate_thaw(plan, tier);
  const MonoTime begin = context.env.clock.mono();
  if (asked > 0 && tier.empty()) return must_ask(plan);
  if (asked > 0) {
    context.out.line("asking for " + count_and_bytes(plan, Readable::kArchived) + ", of " + format_count(plan.packs.size()) +
                     " that are archived: " + offer(plan, tier) + "; an estimate by the prices of " + vault::kPricesOf);
    HF_TRY(vault::request_thaw(repository, plan, tier));
  }
  if (!plan.ready() && args.flag("--no-wait")) return on_their_way(plan);
  if (!plan.ready()) {
    HF_TRY(vault::wait_for_thaw(repository, plan, [&](const vault::ThawPlan& now) {
      context.out.progress("waiting for " + count_and_bytes(now, Readable::kOnItsWay) + "; " +
                           format_count(now.count(Readable::kYes)) + " packs are there");
    }));
  }
  const double waited = std::chrono::duration<double>(context.env.clock.mono() - begin).count();
  context.out.line(count_and_bytes(plan, Readable::kYes) + ", brought back from the archive can be read");
  Json out = Json::object();
  out.set("packs", static_cast<std::uint64_t>(plan.packs.size())).set("bytes", plan.bytes(Readable::kYes));
  out.set("asked_packs", asked).set("asked_bytes", asked_bytes).set("tier", tier);
  out.set("estimate_dollars", asked > 0 ? estimate.dollars : 0.0).set("prices_of", vault::kPricesOf);
  return out.set("waited_seconds", waited);
}

}  // namespace hf::cli
