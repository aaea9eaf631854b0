// Checking a bundle: see bundle.h. A list of passes; the first that finds something ends it.
#include <algorithm>

#include "base/hex.h"
#include "evidence/bundle.h"
#include "evidence/controls.h"
#include "evidence/describe.h"
#include "journal/key_chain.h"
#include "journal/merkle.h"
#include "journal/note.h"
#include "record/journal_events.h"

namespace hf::evidence {
namespace {

struct Check {
  const std::vector<ArchiveFile>* files = nullptr;
  std::optional<crypto::PublicKey> expected;
  Verdict verdict;
  journal::Checkpoint checkpoint;
  journal::KeyChain keys;
  std::vector<journal::Entry> entries;

  bool bad(std::string_view file, std::string why, std::optional<std::uint64_t> seq = std::nullopt) {
    verdict.first_bad = FirstBad{std::string(file), seq, std::move(why)};
    return false;
  }
  const std::string& file(std::string_view name) const {
    static const std::string kNone;
    for (const ArchiveFile& f : *files)
      if (f.name == name) return f.content;
    return kNone;
  }
};

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    std::size_t end = std::min(text.find('\n'), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

// The files are those of a bundle, in their order, and each has its sum.
bool check_files(Check& c) {
  std::vector<std::string_view> names = {kBundleJson, kEvents,       kProofs,   kCheckpointFile,
                                         kKeyFile,    kControlsJson, kPlanFile, kSums};
  if (c.files->size() == names.size() - 1) std::erase(names, kPlanFile);
  for (std::size_t i = 0; i < names.size(); ++i)
    if (c.files->size() != names.size() || (*c.files)[i].name != names[i])
      return c.bad(names[i], "the bundle does not hold the files that it should, in their order");
  const std::vector<std::string_view> want = lines_of(c.file(kSums));
  const std::string right = sums_of(*c.files);
  const std::vector<std::string_view> have = lines_of(right);
  for (std::size_t i = 0; i < have.size(); ++i)
    if (i >= want.size() || want[i] != have[i])
      return c.bad(names[i], "its SHA-256 is not the one in SHA256SUMS");
  if (c.file(kSums) != right) return c.bad(kSums, "it says more than it should");
  return true;
}

bool read_proof(std::string_view line, std::uint64_t& seq, journal::Proof& proof) {
  auto json = parse_json(line);
  if (!json || canonical_json(*json).value_or("") != line || json->members().size() != 2 ||
      !(*json)["seq"].is_int())
    return false;
  if ((*json)["seq"].as_int() < 0 || !(*json)["path"].is_array()) return false;
  seq = static_cast<std::uint64_t>((*json)["seq"].as_int());
  for (const Json& hex : (*json)["path"].items()) {
    auto raw = from_hex(hex.as_string());
    if (!raw || raw->size() != 32 || to_hex(*raw) != hex.as_string()) return false;
    proof.push_back(to_array<32>(*raw));
  }
  return true;
}

// Every event hashes into the checkpoint's root at its place, and the places ascend.
bool check_events(Check& c) {
  auto checkpoint = journal::peek_checkpoint(c.file(kCheckpointFile));
  if (!checkpoint) return c.bad(kCheckpointFile, checkpoint.error().text);
  c.checkpoint = *checkpoint;
  const auto leaves = lines_of(c.file(kEvents)), proofs = lines_of(c.file(kProofs));
  if (leaves.size() != proofs.size()) return c.bad(kProofs, "there is not one proof for each event");
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    journal::Entry entry;
    journal::Proof proof;
    if (!read_proof(proofs[i], entry.seq, proof))
      return c.bad(kProofs, "line " + std::to_string(i + 1) + " is not a proof");
    if (i > 0 && entry.seq <= c.entries.back().seq)
      return c.bad(kProofs, "events are out of order", entry.seq);
    const journal::Digest hash = journal::leaf_hash(as_bytes(leaves[i]));
    if (!journal::verify_inclusion(hash, entry.seq, c.checkpoint.size, proof, c.checkpoint.root))
      return c.bad(kEvents, "the event is not the one that the signed checkpoint covers", entry.seq);
    auto event = record::parse_event(leaves[i]);
    if (!event) return c.bad(kEvents, event.error().text, entry.seq);
    entry.leaf = std::string(leaves[i]);
    entry.event = std::move(*event);
    c.entries.push_back(std::move(entry));
  }
  if (c.entries.empty() || c.entries[0].seq != 0)
    return c.bad(kEvents, "event 0, which opens the journal, is not there", 0);
  return true;
}

// The checkpoint is signed by the key that follows from event 0 and the successions, and that key is the one
// shown.
bool check_signature(Check& c) {
  for (const journal::Entry& entry : c.entries)
    if (Status s = c.keys.add(entry.seq, entry.event); !s) return c.bad(kEvents, s.error().text, entry.seq);
  auto key = c.keys.key_at(c.checkpoint.size);
  if (!key) return c.bad(kCheckpointFile, "no key is known for it");
  auto opened = journal::open_checkpoint(c.file(kCheckpointFile), c.keys.origin(), *key);
  if (!opened) return c.bad(kCheckpointFile, opened.error().text);
  c.verdict.checkpoints = 1;
  c.verdict.origin = c.keys.origin();
  c.verdict.verifier_key = journal::format_verifier_key(c.keys.origin(), *key);
  if (c.file(kKeyFile) != c.verdict.verifier_key + "\n")
    return c.bad(kKeyFile, "it is not the key that signed the checkpoint");
  if (!c.expected) return true;
  if (*c.expected != *key && c.expected != c.keys.key_at(1))
    return c.bad(kKeyFile, "the journal's key is not the one expected: somebody else made this bundle");
  c.verdict.key_expected = true;
  return true;
}

// Between the run's first and last event nothing is left out, and nothing else is in the bundle.
bool check_range(Check& c) {
  auto about = parse_json(c.file(kBundleJson));
  if (!about) return c.bad(kBundleJson, about.error().text);
  const std::string run = (*about)["run"].as_string();
  std::vector<std::uint64_t> of_run;
  for (const journal::Entry& e : c.entries)
    if (!run.empty() && e.event.run == run) of_run.push_back(e.seq);
  if (of_run.empty()) return c.bad(kEvents, "no event of the run is there");
  std::uint64_t next = of_run.front();
  for (const journal::Entry& e : c.entries) {
    const bool anchor = e.seq == 0 || record::is<record::KeySuccession>(e.event);
    if (e.seq < of_run.front() || e.seq > of_run.back()) {
      if (!anchor) return c.bad(kEvents, "the event is outside the run", e.seq);
      continue;
    }
    if (e.seq != next) return c.bad(kEvents, "the event is left out", next);
    ++next;
  }
  Facts facts = facts_of(c.entries, run);
  c.verdict.run = run;
  c.verdict.finished = facts.finished;
  c.verdict.state = facts.state;
  c.verdict.verdict = facts.verdict;
  if (c.file(kPlanFile).empty() && c.files->size() == 8) return c.bad(kPlanFile, "it is empty");
  if (!c.file(kPlanFile).empty() && to_hex(crypto::sha256(as_bytes(c.file(kPlanFile)))) != facts.plan_hash)
    return c.bad(kPlanFile, "it is not the plan that the run was made from");
  return true;
}

// What the bundle says about itself is what its events say.
bool check_descriptions(Check& c) {
  auto about = bundle_json(c.entries, c.verdict.run, c.checkpoint);
  if (!about || *about != c.file(kBundleJson))
    return c.bad(kBundleJson, "it does not say what the events say");
  auto json = parse_json(c.file(kControlsJson));
  if (!json) return c.bad(kControlsJson, json.error().text);
  if ((*json)["table_version"].as_int() != kControlTableVersion)
    return true;   // another version's index, covered by its sum
  auto controls = controls_json(c.entries);
  if (!controls || *controls != c.file(kControlsJson))
    return c.bad(kControlsJson, "it does not follow from the events");
  return true;
}

}  // namespace

Verdict check_bundle(ByteView archive, const std::string& path, std::optional<crypto::PublicKey> expected) {
  Check c;
  c.expected = expected;
  auto files = unpack(archive);
  if (!files) {
    c.bad(path, files.error().text);
    return c.verdict;
  }
  c.files = &*files;
  const bool good =
      check_files(c) && check_events(c) && check_signature(c) && check_range(c) && check_descriptions(c);
  if (good) c.verdict.events = c.entries.size();
  return c.verdict;
}

Result<Verdict> verify_bundle(Files& files, const std::string& path,
                              std::optional<crypto::PublicKey> expected) {
  HF_ASSIGN(Bytes archive, read_file(files, path, kMaxArchiveBytes));
  return check_bundle(archive, path, expected);
}

}  // namespace hf::evidence
