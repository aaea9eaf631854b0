// The texts of all rules, for findings, `explain` and the documentation. Ids are for ever: a rule that goes leaves a
// gap.
#include "base/check.h"
#include "plan/lint.h"
#include "plan/yaml.h"

namespace hf::plan {

// A table, not a pass list, but read like one.
const std::vector<Rule>& rules() {
  using enum FindingSeverity;
  static const std::vector<Rule> kRules = {
      {"HF1001", "yaml-syntax", kError, "the text is not YAML",
       "nothing after the mistake can be read, so nothing else is reported",
       "mend the place that the caret shows; an unclosed bracket or quote is often earlier than the "
       "caret"},
      {"HF1002", "input-limit", kError, "the sources are larger, deeper or longer than any plan",
       "limits keep a hostile or broken file from eating the memory of the machine that must recover",
       "4 MiB of text, 32 levels, 200000 values and 10000 keys of one map are allowed; split the plan or "
       "take generated parts out"},
      {"HF1003", "anchor-or-alias", kError, "an anchor (&) or alias (*) is used",
       "an alias hides what a value is from the reader at 3 a.m., and nested aliases grow without bound",
       "write the value out; several files in holdfast.d merge"},
      {"HF1004", "yaml-extra", kError, "a tag or a second document is used",
       "the field decides the type of a value; a plan is one document", "take it away"},
      {"HF1005", "duplicate-key", kError, "a key stands twice in one map",
       "programs disagree about which one counts, so one of the two is not what you think", "keep one"},
      {"HF1006", "unknown-key", kError, "the key is not a field of a plan",
       "a misspelt field would be ignored, and the protection that it stood for would silently not exist",
       "see `holdfast explain PATH` for the fields"},
      {"HF1007", "missing-key", kError, "a field that has no sensible default is missing",
       "guessing it would be inventing a part of the plan", "add the field"},
      {"HF1008", "wrong-type", kError, "a value has another shape than the field",
       "a list is not a text, a map is not a number", "see `holdfast explain PATH` for the shape and an example"},
      {"HF1009", "unit-missing", kError, "a bare number stands where a duration or size is meant",
       "300 may be seconds, milliseconds or minutes: a factor of 60 in an objective is the difference "
       "between met and missed",
       "write the unit: 30s, 4h, 15m, 30d, 2GiB"},
      {"HF1010", "bad-value", kError, "the value does not parse as what the field is",
       "it cannot be used as it stands", "see the hint and `holdfast explain PATH`"},
      {"HF1011", "ambiguous-scalar", kError,
       "a word or number that YAML versions read differently: yes, no, on, off, 010, 0x1f",
       "one program reads text where another reads a boolean or another number",
       "write true or false, write the number in decimal, or quote the text"},
      {"HF1012", "unknown-word", kError, "the word is none that the field knows",
       "an unknown mode, class or check cannot be executed", "use one of the words"},
      {"HF1013", "dangling-name", kError, "a name points at nothing in the plan",
       "a step, service or check that names what does not exist fails when it is needed",
       "define it, or mend the name"},
      {"HF1014", "exactly-one", kError, "fields exclude each other, or one of several is needed",
       "with two, one would be ignored; with none, there is nothing to do",
       "keep exactly one of the fields that the message names"},
      {"HF1015", "secret-in-plan", kError, "a password or token is written into the plan",
       "plans are reviewed, attached to evidence and shipped to vaults; a secret in them is public",
       "write env:NAME, file:PATH or command:PROGRAM; for a DSN use a password file or take the whole "
       "DSN from a secret"},
      {"HF1016", "duplicate-name", kError, "two things of one kind have the same name",
       "needs, waivers and reports refer to names", "rename one"},
      {"HF1017", "merge-conflict", kError, "two files give the same scalar",
       "which file wins would depend on their names", "keep it in one file; maps merge and lists append"},
      {"HF1018", "empty-value", kError, "a key has no value", "nothing is not a value: it may be a forgotten edit",
       "write the value or take the key away"},
      {"HF2001", "objective-unreachable", kError, "the schedule cannot meet the RPO",
       "the newest recovery point can be older than the loss that was promised, on an ordinary day, "
       "without any further fault",
       "back up more often, stream the WAL to a place outside the region, or state the objective that "
       "you can keep"},
      {"HF2002", "no-outside-acknowledgement", kError,
       "no place outside the primary region must have a commit before the client hears of it",
       "a loss of the region then loses acknowledged data, whatever the backups are",
       "give the WAL backup receivers in other regions and a quorum that cannot be met inside the "
       "primary region alone"},
      {"HF2003", "traffic-before-promotion", kError, "traffic moves before the component behind it is promoted",
       "users reach a site that is read-only and fail there instead of waiting",
       "let the dns step need the promote step"},
      {"HF2004", "promotion-without-fence", kError, "a promotion is not preceded by a fence",
       "a primary that is only unreachable for us may still accept writes: two primaries, and no way to "
       "merge them",
       "add a fence step for the component and let the promotion need it; level quorum, lease, network "
       "or power"},
      {"HF2005", "control-plane-in-lost-region", kError,
       "a step depends on a control plane in the region that is lost",
       "the call fails in exactly the disaster that the step is for; Route 53 takes changes in us-east-1 "
       "only",
       "use a data plane or another provider (rfc2136), or prepare records that switch by health check"},
      {"HF2006", "change-before-check", kWarning, "a step changes the world and comes after no check",
       "a failover into a standby that is not ready makes one outage into two",
       "add a check step and let the first changes need it"},
      {"HF2007", "verify-cannot-fail", kError, "no verification can stop or fail the runbook",
       "it will report success over services that do not answer",
       "add a verify step after promotion, and let the moving of traffic and the last announcement need "
       "it"},
      {"HF2008", "single-approver", kWarning, "one person alone can start a failover that loses data",
       "a mistake or a stolen session is enough", "set approvals: 2"},
      {"HF2009", "no-failback", kWarning, "there is a failover but no way back",
       "the standby region becomes the only one, unprotected, for as long as it takes to invent the way "
       "back",
       "write the failback section: resync, switchover, traffic"},
      {"HF2010", "retention-shorter-than-recovery-window", kError,
       "a backup is deleted before what depends on it, or before it could be needed",
       "there are moments that no backup can restore",
       "keep WAL and incrementals at least as long as the interval of full backups, fulls as long as "
       "what builds on them, everything longer than its own interval and the interval of its "
       "verification"},
      {"HF2011", "budget-does-not-add-up", kError,
       "detection, steps and DNS together take longer than the RTO, or the parts of the cost pass its "
       "budget",
       "the plan misses its objective even if nothing goes wrong",
       "shorten expectations and timeouts along the critical path that the message names, run steps in "
       "parallel, lower the TTL, or state the objective that you can keep"},
      {"HF2012", "dependency-cycle", kError, "needs form a circle",
       "none of the steps or services in it can ever start", "take one of the needs away"},
      {"HF2013", "storage-class-minimum", kWarning,
       "objects are deleted before the storage class stops charging for them",
       "STANDARD_IA is charged for 30 days, GLACIER_IR and GLACIER for 90, DEEP_ARCHIVE for 180, whether "
       "the object lives or not",
       "choose STANDARD for short retentions, or keep longer"},
      {"HF2014", "retrieval-exceeds-rto", kError, "the only copies that survive take longer to retrieve than the RTO",
       "GLACIER takes up to 5 hours and DEEP_ARCHIVE up to 12 before the first byte",
       "keep the newest backups in a class that answers at once (STANDARD, STANDARD_IA, GLACIER_IR)"},
      {"HF2015", "ttl-exceeds-rto", kWarning, "the TTL of a moved record is a large part of the RTO",
       "resolvers may send users to the lost region for that long after the change", "set ttl to a minute or less"},
      {"HF2016", "objective-contradicts-class", kInfo, "two objectives for the same thing differ",
       "people will quote the more comfortable one",
       "make the wider scope as strict as the strictest class, or say in the document which one counts; "
       "a waiver may record it"},
      {"HF2017", "not-executed-yet", kInfo,
       "this part of the plan is read and checked, but this version does not execute it",
       "you should know what to do by hand", "none needed; see docs/STATUS.md"},
      {"HF2018", "waiver-expired", kWarning, "a waiver has passed its end",
       "what was accepted for a time is an open finding again", "mend the finding, or decide again and move the end"},
      {"HF2019", "waiver-unmatched", kWarning, "a waiver covers no finding",
       "it is a leftover, or its rule or place is misspelt and something else is not covered",
       "take it away or mend its rule and at"},
      {"HF2020", "backups-only-in-lost-region", kError, "all backups of a component lie in the primary region",
       "losing the region loses the data and its backups together", "add a vault with copy_of in another region"},
      {"HF2021", "detection-in-lost-region", kError,
       "without the primary region, too few vantage points are left to agree",
       "the check can never see the disaster that it is for",
       "add regions to from, or lower quorum to what the others can reach; never below 2"},
      {"HF2022", "automatic-without-brake", kError,
       "a failover starts by itself without cool-down or with one vantage point",
       "one bad probe moves production, and may move it back and forth",
       "set cool_down and a quorum of at least 2 from three regions, or mode: propose"},
      {"HF2023", "fence-proves-nothing", kError,
       "a fence of level quorum for a component whose quorum can be met inside the lost region",
       "sealing the receivers then does not stop the old primary from acknowledging",
       "see no-outside-acknowledgement; or fence by network, lease or power"},
      {"HF2024", "restore-overwrites-without-check", kWarning,
       "a restore in place comes after no check and needs fewer than two people",
       "a restore to the wrong time overwrites the only good copy",
       "restore to a folder (to), or add a check and approvals"},
      {"HF2025", "traffic-before-verify", kWarning, "traffic moves before anything proved that the target works",
       "users become the test", "let the dns step need a verify step"},
  };
  return kRules;
}

const Rule* find_rule(std::string_view id_or_slug) {
  for (const Rule& rule : rules()) {
    if (rule.id == id_or_slug || rule.slug == id_or_slug) return &rule;
  }
  return nullptr;
}

Finding make_finding(std::string_view rule, Place place, std::string message, std::string hint) {
  const Rule* known = find_rule(rule);
  HF_CHECK(known != nullptr);
  Finding finding;
  finding.id = known->id;
  finding.severity = known->severity;
  finding.rule = known->slug;
  finding.place = std::move(place);
  finding.message = std::move(message);
  finding.hint = std::move(hint);
  return finding;
}

}  // namespace hf::plan
