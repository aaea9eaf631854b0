// evidence export, verify, controls: what an auditor gets, and how anybody checks it without us.
#include "base/hex.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/journal_access.h"
#include "cli/run_access.h"
#include "evidence/bundle.h"
#include "evidence/controls.h"
#include "journal/note.h"

namespace hf::cli {

namespace {

Outcome write_bundle(Context& context, const Arguments& args) {
  if (auto there = read_journal(context); !there) return failed(std::move(there).error());  // opening makes one
  auto journal = open_journal(context);
  if (!journal) return failed(std::move(journal).error());
  auto run = journal::find_run(**journal, args.positional()[0]);
  if (!run) return failed(std::move(run).error());
  auto plan = plan_text_of_run(context, **journal, *run);
  if (!plan) return failed(std::move(plan).error());
  const std::string to = args.get_or("--to", "evidence-" + *run + ".tar");
  if (file_exists(context.env.files, to))
    return failed(make_error(ErrorKind::kExists, to + " is there already; evidence is never overwritten")
                      .with_hint("Give another name with --to FILE, or move that file away.")
                      .with_object(to));
  if (auto wrote = evidence::export_bundle(**journal, context.env.files, *run, *plan, to); !wrote)
    return failed(std::move(wrote).error());
  context.out.line("evidence of run " + *run + " is in " + to);
  context.out.line("Anybody can check it offline: holdfast evidence verify " + to);
  return finished(Json::object().set("run", *run).set("bundle", to));
}

// As an auditor's tool writes it ("holdfast/...+98b1a138+Ab5a...="), which is also how `verify` names the signer; or bare.
Result<crypto::PublicKey> public_key_of(const std::string& text) {
  if (auto key = journal::parse_verifier_key(text)) return key->key;
  auto bytes = from_hex(text);
  if (bytes && bytes->size() == std::tuple_size_v<crypto::PublicKey>) return to_array<32>(*bytes);
  return make_error(ErrorKind::kUsage, "--key is no public key")
      .with_hint("Write it as NAME+HASH+BASE64, as in the journal's file key.pub, or as 64 hexadecimal digits.");
}

Outcome check_bundle(Context& context, const Arguments& args) {
  std::optional<crypto::PublicKey> expected;
  if (auto text = args.get("--key")) {
    auto key = public_key_of(*text);
    if (!key) return failed(std::move(key).error());
    expected = *key;
  }
  auto verdict = evidence::verify_bundle(context.env.files, args.positional()[0], expected);
  if (!verdict) return failed(std::move(verdict).error());
  Json data = Json::object();
  data.set("events", verdict->events)
      .set("checkpoints", verdict->checkpoints)
      .set("run", verdict->run)
      .set("origin", verdict->origin);
  data.set("verifier_key", verdict->verifier_key)
      .set("finished", verdict->finished)
      .set("state", verdict->state)
      .set("first_bad", Json());
  if (!verdict->first_bad) {
    context.out.line(format_count(verdict->events) + " events of run " + verdict->run + " are in the journal " +
                     verdict->origin + ", complete and unchanged");
    context.out.line("the run: " + verdict->state + (verdict->verdict.empty() ? "" : " - " + verdict->verdict));
    context.out.line(
        "signed by " + verdict->verifier_key +
        (verdict->key_expected ? " (as expected)" : "; compare this key with what you know from elsewhere"));
    return finished(data);
  }
  const evidence::FirstBad& bad = *verdict->first_bad;
  data.set("first_bad",
           Json::object().set("file", bad.file).set("seq", bad.seq ? Json(*bad.seq) : Json()).set("why", bad.why));
  Outcome out = finished(data, kExitMismatch);
  out.errors.push_back(
      make_error(ErrorKind::kCorrupt, "this evidence does not hold: " + bad.file + ": " + bad.why)
          .with_hint("It was changed after it was made, or is not complete. Ask for it again; trust nothing in it.")
          .with_object(bad.file));
  return out;
}

Outcome run_controls(Context& context, const Arguments&) {
  auto journal = read_journal(context);
  if (!journal) return failed(std::move(journal).error());
  std::vector<journal::Entry> entries;
  auto read = (*journal)->read(0, [&](const journal::Entry& e) {
    entries.push_back(e);
    return true;
  });
  if (!read) return failed(std::move(read).error());
  auto mapped = evidence::map_controls(entries);
  std::vector<std::vector<std::string>> rows = {{"FRAMEWORK", "CONTROL", "EVENTS", "ASKS FOR"}};
  for (const evidence::Control& c : evidence::controls()) {
    std::size_t n = 0;
    for (const evidence::ControlEvidence& e : mapped)
      if (e.control == &c) n = e.events.size();
    rows.push_back({std::string(c.framework), std::string(c.id), std::to_string(n), std::string(c.asks)});
  }
  context.out.table(rows);
  return finished(evidence::controls_to_json(mapped));
}

}  // namespace

std::vector<Command> evidence_commands() {
  return {
      {{"evidence", "export"},
       "one run as a bundle that verifies without us",
       {"holdfast evidence export f-20260501-100231-4f2a", "holdfast evidence export f-2026 --to audit/failover.tar",
        "holdfast run list"},
       {{"--to", "FILE", "the bundle (default evidence-RUN.tar)", false, false}},
       "RUN",
       1,
       1,
       write_bundle},
      {{"evidence", "verify"},
       "check a bundle: no journal, no network, no trust in us",
       {"holdfast evidence verify failover.tar", "holdfast evidence verify failover.tar --key \"$(cat key.pub)\"",
        "holdfast evidence verify failover.tar -o json"},
       {{"--key", "KEY", "the journal's public key, known from elsewhere", false, false}},
       "FILE",
       1,
       1,
       check_bundle},
      {{"evidence", "controls"},
       "which controls of SOC 2, HIPAA, PCI DSS, ... the journal has events for",
       {"holdfast evidence controls", "holdfast evidence controls -o json",
        "holdfast evidence controls | grep 'SOC 2'"},
       {},
       "",
       0,
       0,
       run_controls},
  };
}

}  // namespace hf::cli
