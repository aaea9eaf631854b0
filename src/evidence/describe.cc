// See describe.h.
#include "evidence/describe.h"

#include "base/hex.h"
#include "evidence/controls.h"
#include "record/proof_events.h"
#include "record/run_events.h"

namespace hf::evidence {
namespace {

// Only what the run itself says counts, not what stands between its events.
void add_run_event(Json& out, Json& measurements, const journal::Entry& entry) {
  const record::Event& e = entry.event;
  if (record::is<record::RunStarted>(e)) {
    for (std::string_view name :
         {"kind", "runbook", "component", "source_region", "target_region", "class", "plan_hash"})
      if (const Json* value = e.body.find(name)) out.set(name, *value);
    out.set("started_at", format_time(e.time));
  } else if (record::is<record::RunFinished>(e)) {
    out.set("state", e.body["state"])
        .set("verdict", e.body["verdict"])
        .set("finished_at", format_time(e.time));
  } else if (record::is<record::Measurement>(e)) {
    measurements.push(Json(e.body).set("event", entry.seq));
  }
}

}  // namespace

Facts facts_of(std::span<const journal::Entry> entries, const std::string& run) {
  Facts out;
  out.run = run;
  out.state = "running";
  for (const journal::Entry& entry : entries) {
    if (entry.event.run != run) continue;
    if (auto started = record::body_of<record::RunStarted>(entry.event)) out.plan_hash = started->plan_hash;
    if (auto finished = record::body_of<record::RunFinished>(entry.event)) {
      out.finished = true;
      out.state = std::string(to_string(finished->state));
      out.verdict = finished->verdict;
    }
  }
  return out;
}

Result<std::string> bundle_json(std::span<const journal::Entry> entries, const std::string& run,
                                const journal::Checkpoint& checkpoint) {
  Json out = Json::object();
  Json measurements = Json::array();
  Json first, last;
  out.set("state", "running");
  for (const journal::Entry& entry : entries) {
    if (entry.event.run != run) continue;
    if (first.is_null()) first = Json(entry.seq);
    last = Json(entry.seq);
    add_run_event(out, measurements, entry);
  }
  out.set("format", "holdfast-evidence").set("version", 1).set("journal", checkpoint.origin).set("run", run);
  out.set("events", entries.size()).set("first_event", first).set("last_event", last);
  out.set("checkpoint_size", checkpoint.size).set("checkpoint_root", to_hex(checkpoint.root));
  out.set("measurements", std::move(measurements));
  HF_ASSIGN(std::string text, canonical_json(out));
  return text + "\n";
}

Result<std::string> controls_json(std::span<const journal::Entry> entries) {
  HF_ASSIGN(std::string text, canonical_json(controls_to_json(map_controls(entries))));
  return text + "\n";
}

std::string sums_of(std::span<const ArchiveFile> files) {
  std::string out;
  for (const ArchiveFile& file : files)
    if (file.name != "SHA256SUMS")
      out += to_hex(crypto::sha256(as_bytes(file.content))) + "  " + file.name + "\n";
  return out;
}

}  // namespace hf::evidence
