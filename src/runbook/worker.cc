// Workers are started through sh, which writes the result: no process of ours needs to be alive for that.
#include "runbook/worker.h"

#include "base/text.h"

namespace hf::runbook {
namespace {

// sync(1) with a file makes it durable before its name is.
constexpr const char* kScript =
    "session=$1; shift; \"$@\"; code=$?; printf '%s\\n' \"$code\" > \"$session/result.new\" && sync "
    "\"$session/result.new\" && "
    "mv \"$session/result.new\" \"$session/result\"";

constexpr std::size_t kSmallFile = 4096;

Json handle_of(const ProcessIdentity& id, const std::string& session) {
  Json handle = Json::object();
  return handle.set("pid", static_cast<std::int64_t>(id.pid))
      .set("start_ticks", std::to_string(id.start_ticks))
      .set("session", session);
}

// A handle may name a session alone: then no process is known. A pid never counts without the time of its start, because
// another process may have got the same number since.
Result<std::optional<ProcessIdentity>> identity_of(const Json& handle) {
  if (handle.find("pid") == nullptr) return std::optional<ProcessIdentity>();
  const auto ticks = parse_whole<std::uint64_t>(handle["start_ticks"].as_string());
  if (!ticks) return make_error(ErrorKind::kCorrupt, "a worker's handle has no start_ticks: " + dump_json(handle));
  return std::optional(ProcessIdentity{static_cast<pid_t>(handle["pid"].as_int()), *ticks});
}

std::string tail_of(Env& env, const std::string& path) {
  auto file = env.files.open(path, OpenMode::kRead, 0600);
  if (!file) return {};
  const auto size = (*file)->size();
  if (!size) return {};
  Bytes tail(std::min<std::uint64_t>(*size, kWorkerOutputBytes));
  const auto got = (*file)->read_at(*size - tail.size(), tail);
  return got ? std::string(as_text(ByteView(tail).first(*got))) : std::string();
}

}  // namespace

Result<Json> start_worker(Env& env, const WorkerSpec& spec) {
  const std::string place = join_path(spec.session, "worker");
  if (file_exists(env.files, place)) {
    HF_ASSIGN(const Bytes known, read_file(env.files, place, kSmallFile));
    return parse_json(as_text(known));
  }
  HF_TRY(env.files.make_dirs(spec.session));
  ProcessSpec process;
  process.argv = {"/bin/sh", "-c", kScript, "holdfast-worker", spec.session};
  process.argv.insert(process.argv.end(), spec.argv.begin(), spec.argv.end());
  process.env = spec.env;
  process.input = spec.input;
  process.output_file = join_path(spec.session, "output");
  process.die_with_parent = false;
  HF_ASSIGN(const std::unique_ptr<Process> worker, env.processes.spawn(process));
  Json handle = handle_of(worker->identity(), spec.session);
  auto kept = write_file_atomic(env.files, place, as_bytes(dump_json(handle)));
  worker->release();
  if (!kept) return std::move(kept).error().maybe_happened();  // it runs, and the next start would not find it
  return handle;
}

Result<WorkerState> poll_worker(Env& env, const Json& handle) {
  const std::string session = handle["session"].as_string();
  // Asked in this order: a worker that ends in between has its result before it is gone.
  HF_ASSIGN(const std::optional<ProcessIdentity> worker, identity_of(handle));
  const bool alive = worker && env.processes.alive(*worker);
  const std::string result = join_path(session, "result");
  if (file_exists(env.files, result)) {
    HF_ASSIGN(const Bytes text, read_file(env.files, result, kSmallFile));
    std::string_view word = as_text(text);
    if (word.ends_with('\n')) word.remove_suffix(1);
    const auto code = parse_whole<int>(word);
    if (!code) return make_error(ErrorKind::kCorrupt, result + " holds '" + std::string(word) + "', no exit status");
    return WorkerState{WorkerState::Kind::kFinished, *code, tail_of(env, join_path(session, "output"))};
  }
  return WorkerState{alive ? WorkerState::Kind::kRunning : WorkerState::Kind::kLost, 0,
                     tail_of(env, join_path(session, "output"))};
}

Status stop_worker(Env& env, const Json& handle) {
  HF_ASSIGN(const std::optional<ProcessIdentity> worker, identity_of(handle));
  if (!worker) return ok();
  auto sent = env.processes.signal_group(*worker, SIGTERM);
  if (!sent && sent.error().kind == ErrorKind::kNotFound) return ok();
  return sent;
}

}  // namespace hf::runbook
