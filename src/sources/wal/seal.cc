#include "sources/wal/seal.h"

#include <unistd.h>

#include "io/lock.h"
#include "sources/wal/upload.h"

namespace hf::sources {
namespace {

constexpr std::size_t kMaxMessage = 64 << 10;
constexpr Millis kPoll{10};

std::string request_path(const std::string& spool) { return join_path(spool, "seal-request"); }
std::string answer_path(const std::string& spool) { return join_path(spool, "seal-answer"); }

Result<std::optional<SealAnswer>> read_answer(Files& files, const std::string& spool, const std::string& id) {
  auto bytes = read_file(files, answer_path(spool), kMaxMessage);
  if (!bytes && bytes.error().kind == ErrorKind::kNotFound) return std::optional<SealAnswer>();
  if (!bytes) return Error(std::move(bytes).error());
  HF_ASSIGN(Json json, parse_json(as_text(*bytes)));
  SealAnswer answer;
  answer.id = json["request"].as_string();
  if (answer.id != id) return std::optional<SealAnswer>();
  if (json["seal"].is_object()) { HF_ASSIGN(answer.seal, seal_from_json(json["seal"])); }
  answer.in_vault = json["in_vault"].as_bool();
  answer.error = json["error"].as_string();
  return std::optional(std::move(answer));
}

// Nobody runs: we hold the lock and are the receiver for a moment.
Result<SealProof> seal_directly(Env& env, const std::string& spool, const std::string& name,
                                WalTarget* target) {
  HF_ASSIGN(std::vector<SpoolKey> keys, list_spool(env.files, spool));
  if (keys.empty()) {
    return make_error(ErrorKind::kBlocked,
                      "the spool " + spool + " has received nothing: there is no timeline to seal")
        .with_hint("Name the spool of a receiver that has run.");
  }
  if (keys.front().system_id != keys.back().system_id) {
    return make_error(ErrorKind::kBlocked, "the spool " + spool + " holds more than one cluster");
  }
  HF_ASSIGN(std::unique_ptr<SpoolTimeline> timeline, SpoolTimeline::open(env.files, spool, keys.back()));
  SealProof proof;
  HF_ASSIGN(proof.seal, seal_timeline(*timeline, name, env.clock));
  if (target == nullptr) return proof;
  TimelineUpload upload(*timeline, *target, env.log);
  Status put = upload.put_seal();
  proof.in_vault = put.has_value();
  if (!put) proof.vault_error = put.error().text;
  return proof;
}

// The receiver answers twice: when the seal is durable in its spool, and when the vault has it.
Result<SealProof> await_answer(Env& env, const std::string& spool, const std::string& id, MonoTime deadline) {
  std::optional<SealAnswer> last;
  while (env.clock.mono() < deadline) {
    HF_ASSIGN(std::optional<SealAnswer> answer, read_answer(env.files, spool, id));
    if (answer) last = answer;
    if (last && !last->seal)
      return make_error(ErrorKind::kFailed, "the receiver did not seal: " + last->error);
    if (last && last->in_vault) break;
    env.clock.sleep_until(env.clock.mono() + kPoll, {});
  }
  if (!last) {
    return make_error(ErrorKind::kTimeout,
                      "sealing through " + spool + ": a receiver holds it and does not answer")
        .with_hint("Stop that receiver process (its pid is in the lock file), then seal again.")
        .with_object(spool)
        .maybe_happened();
  }
  return SealProof{*last->seal, true, last->in_vault, last->error};
}

}  // namespace

Result<TimelineSeal> seal_timeline(SpoolTimeline& timeline, const std::string& receiver, Clock& clock) {
  if (timeline.seal()) return *timeline.seal();
  if (timeline.empty()) {
    return make_error(ErrorKind::kBlocked,
                      "nothing was received of timeline " + std::to_string(timeline.key().timeline));
  }
  // What could not be synced was never acknowledged: it is not sealed either.
  if (Status synced = timeline.sync(); !synced) HF_TRY(timeline.roll_back());
  TimelineSeal seal;
  seal.system_id = timeline.key().system_id;
  seal.timeline = timeline.key().timeline;
  seal.lsn = timeline.end();
  seal.receiver = receiver;
  seal.at = clock.wall();
  HF_TRY(timeline.put_seal(seal));
  return seal;
}

Result<SealProof> request_seal(Env& env, const std::string& spool, const std::string& name, Micros timeout,
                               WalTarget* target) {
  MonoTime deadline = env.clock.mono() + timeout;
  auto lock = FileLock::acquire(join_path(spool, "lock"));
  if (lock) return seal_directly(env, spool, name, target);
  if (lock.error().kind == ErrorKind::kNotFound)
    return make_error(ErrorKind::kNotFound, "there is no spool at " + spool)
        .with_hint("Name the folder that `wal receive` was given with --spool.")
        .with_object(spool);
  if (lock.error().kind != ErrorKind::kBusy) return Error(std::move(lock).error());
  std::string id =
      std::to_string(::getpid()) + "-" + std::to_string(env.clock.wall().time_since_epoch().count());
  Json request = Json::object().set("request", id);
  HF_TRY(write_file_atomic(env.files, request_path(spool), as_bytes(dump_json(request))));
  return await_answer(env, spool, id, deadline);
}

Result<std::optional<SealRequest>> read_seal_request(Files& files, const std::string& spool) {
  if (!file_exists(files, request_path(spool))) return std::optional<SealRequest>();
  HF_ASSIGN(Bytes bytes, read_file(files, request_path(spool), kMaxMessage));
  HF_ASSIGN(Json json, parse_json(as_text(bytes)));
  return std::optional(SealRequest{json["request"].as_string()});
}

Status write_seal_answer(Files& files, const std::string& spool, const SealAnswer& answer) {
  Json json = Json::object()
                  .set("request", answer.id)
                  .set("seal", answer.seal ? seal_to_json(*answer.seal) : Json())
                  .set("in_vault", answer.in_vault)
                  .set("error", answer.error);
  return write_file_atomic(files, answer_path(spool), as_bytes(dump_json(json)));
}

Result<std::vector<TimelineSeal>> read_spool_seals(Files& files, const std::string& spool) {
  std::vector<TimelineSeal> out;
  HF_ASSIGN(std::vector<SpoolKey> keys, list_spool(files, spool));
  for (const SpoolKey& key : keys) {
    std::string path =
        join_path(join_path(spool, std::to_string(key.system_id)), std::to_string(key.timeline)) + "/seal";
    if (!file_exists(files, path)) continue;
    HF_ASSIGN(Bytes bytes, read_file(files, path, kMaxMessage));
    HF_ASSIGN(Json json, parse_json(as_text(bytes)));
    HF_ASSIGN(TimelineSeal seal, seal_from_json(json));
    out.push_back(std::move(seal));
  }
  return out;
}

}  // namespace hf::sources
