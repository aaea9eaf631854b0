// Making a bundle: see bundle.h.
#include "base/hex.h"
#include "evidence/bundle.h"
#include "evidence/describe.h"
#include "journal/note.h"
#include "record/journal_events.h"

namespace hf::evidence {
namespace {

struct Slice {
  std::vector<journal::Entry> entries;   // anchors, then the run's range
};

// Anchors are event 0 and every key succession: from them alone follows which key signed the checkpoint.
Result<Slice> slice_of(journal::Journal& journal, const std::string& run, std::uint64_t size) {
  HF_ASSIGN(std::vector<journal::Entry> of_run, journal::events_of_run(journal, run));
  std::erase_if(of_run, [&](const journal::Entry& e) { return e.seq >= size; });
  if (of_run.empty()) {
    return make_error(ErrorKind::kNotFound, "no run '" + run + "' in the journal")
        .with_hint("See `holdfast run list` for the runs that there are.");
  }
  const std::uint64_t first = of_run.front().seq, last = of_run.back().seq;
  Slice out;
  HF_TRY(journal.read(0, [&](const journal::Entry& e) {
    if (e.seq >= size) return false;
    bool anchor = e.seq == 0 || record::is<record::KeySuccession>(e.event);
    if (anchor || (e.seq >= first && e.seq <= last)) out.entries.push_back(e);
    return true;
  }));
  return out;
}

Result<std::string> proofs_of(journal::Journal& journal, const std::vector<journal::Entry>& entries,
                              std::uint64_t size) {
  std::string out;
  for (const journal::Entry& entry : entries) {
    HF_ASSIGN(std::vector<journal::Digest> proof, journal.inclusion_proof(entry.seq, size));
    Json path = Json::array();
    for (const journal::Digest& d : proof) path.push(to_hex(d));
    HF_ASSIGN(std::string line,
              canonical_json(Json::object().set("seq", entry.seq).set("path", std::move(path))));
    out += line + "\n";
  }
  return out;
}

}  // namespace

Result<std::vector<ArchiveFile>> make_bundle(journal::Journal& journal, const std::string& run,
                                             const std::string& plan) {
  HF_ASSIGN(std::string note, journal.checkpoint());
  HF_ASSIGN(journal::Checkpoint checkpoint, journal::peek_checkpoint(note));
  HF_ASSIGN(Slice slice, slice_of(journal, run, checkpoint.size));
  Facts facts = facts_of(slice.entries, run);
  if (!plan.empty() && to_hex(crypto::sha256(as_bytes(plan))) != facts.plan_hash) {
    return make_error(ErrorKind::kInvalid,
                      "the plan given is not the one that run '" + run + "' was made from")
        .with_hint("Give the file whose SHA-256 is " + facts.plan_hash + ", or none.");
  }
  std::string events;
  for (const journal::Entry& entry : slice.entries) events += entry.leaf + "\n";
  journal::Identity who = journal.identity();
  HF_ASSIGN(std::string proofs, proofs_of(journal, slice.entries, checkpoint.size));
  HF_ASSIGN(std::string about, bundle_json(slice.entries, run, checkpoint));
  HF_ASSIGN(std::string controls, controls_json(slice.entries));
  std::vector<ArchiveFile> out = {
      {std::string(kBundleJson), std::move(about)},   {std::string(kEvents), std::move(events)},
      {std::string(kProofs), std::move(proofs)},      {std::string(kCheckpointFile), std::move(note)},
      {std::string(kKeyFile), journal::format_verifier_key(who.origin, who.public_key) + "\n"},
      {std::string(kControlsJson), std::move(controls)}};
  if (!plan.empty()) out.push_back({std::string(kPlanFile), plan});
  out.push_back({std::string(kSums), sums_of(out)});
  return out;
}

Status export_bundle(journal::Journal& journal, Files& files, const std::string& run, const std::string& plan,
                     const std::string& path) {
  HF_ASSIGN(std::vector<ArchiveFile> bundle, make_bundle(journal, run, plan));
  Bytes archive = pack(bundle);
  if (archive.size() > kMaxArchiveBytes)
    return make_error(ErrorKind::kExhausted, "evidence of run '" + run + "' is over 256 MiB");
  return create_file_atomic(files, path, archive, 0644);
}

}  // namespace hf::evidence
