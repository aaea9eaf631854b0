#include "vault/collect/pins.h"

#include <algorithm>

#include "base/hex.h"
#include "vault/attachments.h"
#include "vault/core.h"

namespace hf::vault {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kMaxHost = 1024;
constexpr const char* kPinKind = "pin";
constexpr const char* kHoldKind = "hold";

Status read_kind(Repository& repository, const char* kind, std::map<SnapshotId, PinStates>& out) {
  Attachments attachments(repository);
  HF_ASSIGN(const std::vector<AttachmentInfo> all, attachments.list(kind));
  for (const AttachmentInfo& info : all) {
    const auto id = from_hex(info.name);
    if (!id || id->size() != sizeof(SnapshotId)) continue;
    HF_ASSIGN(const Bytes bytes, attachments.get_version(kind, info.name, info.version));
    HF_ASSIGN(PinState state, decode_pin(bytes));
    state.since = info.created;
    state.version = info.version;
    PinStates& states = out[to_array<sizeof(SnapshotId)>(*id)];
    (kind == kHoldKind ? states.hold : states.pin) = std::move(state);
  }
  return ok();
}

}  // namespace

Result<PinState> decode_pin(ByteView bytes) {
  ByteReader in(bytes, "pin");
  PinState out;
  HF_ASSIGN(const std::uint8_t version, in.u8());
  if (version != kVersion) return make_error(ErrorKind::kUnsupported, "a pin was written by a newer version");
  HF_ASSIGN(const std::uint8_t on, in.u8());
  if (on > 1) return in.corrupt("neither on nor off");
  out.on = on == 1;
  HF_ASSIGN(out.reason, in.sized_text(kMaxPinReason));
  HF_ASSIGN(out.host, in.sized_text(kMaxHost));
  HF_TRY(in.expect_end());
  return out;
}

Result<std::map<SnapshotId, PinStates>> read_pins(Repository& repository) {
  std::map<SnapshotId, PinStates> out;
  HF_TRY(read_kind(repository, kPinKind, out));
  HF_TRY(read_kind(repository, kHoldKind, out));
  return out;
}

Status set_pin(Repository& repository, const SnapshotId& id, Pin kind, bool on, const std::string& reason) {
  if (reason.size() > kMaxPinReason) return make_error(ErrorKind::kUsage, "a reason has at most 1024 bytes");
  ByteWriter value;
  value.u8(kVersion).u8(on ? 1 : 0).sized(reason).sized(repository.core().host.substr(0, kMaxHost));
  HF_TRY(Attachments(repository).put(kind == Pin::kHeld ? kHoldKind : kPinKind, to_hex(id), value.take()));
  HF_ASSIGN(const std::vector<CommittedRecord> commits, read_commits(repository.core(), nullptr));
  if (!on || std::ranges::find(commits, id, &CommittedRecord::id) != commits.end()) return ok();
  return make_error(ErrorKind::kNotFound, "snapshot " + to_hex(id) + " was removed by a prune meanwhile");
}

}  // namespace hf::vault
