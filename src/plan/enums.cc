// One array of words for each enumeration; an enumerator without a word is a bug that the tests find.
#include "plan/enums.h"

#include "base/check.h"

namespace hf::plan {
namespace {

template <class E>
std::string_view word_for(E value) {
  for (const EnumWord<E>& w : words_of<E>()) {
    if (w.value == value) return w.word;
  }
  HF_CHECK(!"enumerator has a word");
  return {};
}

}  // namespace

// Defines words_of and to_string of one enumeration.
#define HF_PLAN_ENUM(E, ...)                               \
  template <>                                              \
  std::span<const EnumWord<E>> words_of<E>() {             \
    using enum E;                                          \
    static constexpr EnumWord<E> kWords[] = {__VA_ARGS__}; \
    return kWords;                                         \
  }                                                        \
  std::string_view to_string(E value) { return word_for(value); }

HF_PLAN_ENUM(ComponentKind, {kPostgres, "postgres"}, {kFiles, "files"}, {kKubernetes, "kubernetes"},
             {kBucket, "bucket"})
HF_PLAN_ENUM(ReplicaMode, {kAsync, "async"}, {kSync, "sync"})
HF_PLAN_ENUM(BackupKind, {kSnapshot, "snapshot"}, {kFull, "full"}, {kIncremental, "incremental"}, {kWal, "wal"},
             {kLogical, "logical"})
HF_PLAN_ENUM(BackupTrigger, {kChange, "change"})
HF_PLAN_ENUM(StorageClass, {kStandard, "STANDARD"}, {kStandardIa, "STANDARD_IA"}, {kOnezoneIa, "ONEZONE_IA"},
             {kGlacierIr, "GLACIER_IR"}, {kGlacier, "GLACIER"}, {kDeepArchive, "DEEP_ARCHIVE"})
HF_PLAN_ENUM(SecretsPolicy, {kEncrypted, "encrypted"}, {kExcluded, "excluded"})
HF_PLAN_ENUM(FenceLevel, {kNone, "none"}, {kAttested, "attested"}, {kLease, "lease"}, {kNetwork, "network"},
             {kQuorum, "quorum"}, {kPower, "power"})
HF_PLAN_ENUM(DnsProvider, {kRoute53, "route53"}, {kRfc2136, "rfc2136"})
HF_PLAN_ENUM(TsigAlgorithm, {kHmacSha256, "hmac-sha256"}, {kHmacSha384, "hmac-sha384"}, {kHmacSha512, "hmac-sha512"})
HF_PLAN_ENUM(RunbookMode, {kPropose, "propose"}, {kAutomatic, "automatic"})
HF_PLAN_ENUM(RoutingPolicy, {kFailover, "failover"}, {kWeighted, "weighted"})
HF_PLAN_ENUM(RestoreProof, {kNone, "none"}, {kAssertions, "assertions"})
HF_PLAN_ENUM(ActionKind, {kCheck, "check"}, {kAnnounce, "announce"}, {kFence, "fence"}, {kScale, "scale"},
             {kPromote, "promote"}, {kConfigure, "configure"}, {kRestoreServices, "restore_services"},
             {kVerify, "verify"}, {kDns, "dns"}, {kRestore, "restore"}, {kResync, "resync"},
             {kSwitchover, "switchover"}, {kExec, "exec"})
HF_PLAN_ENUM(Permission, {kOperate, "operate"}, {kApprove, "approve"}, {kWaive, "waive"})
HF_PLAN_ENUM(RegionRole, {kPrimary, "primary"}, {kStandby, "standby"}, {kBackup, "backup"})
HF_PLAN_ENUM(CoordinationKind, {kLocal, "local"}, {kEtcd, "etcd"})
HF_PLAN_ENUM(Sse, {kNone, "none"}, {kAes256, "AES256"}, {kKms, "aws:kms"})
HF_PLAN_ENUM(ObjectLock, {kNone, "none"}, {kKeep, "keep"})
HF_PLAN_ENUM(Priority, {kCritical, "critical"}, {kHigh, "high"}, {kMedium, "medium"}, {kLow, "low"})
HF_PLAN_ENUM(DrillScope, {kVerify, "verify"}, {kFailover, "failover"}, {kFull, "full"}, {kRegion, "region"})
HF_PLAN_ENUM(Regulation, {kSoc2, "soc2"}, {kGdpr, "gdpr"}, {kHipaa, "hipaa"}, {kPciDss, "pci-dss"},
             {kIso22301, "iso22301"}, {kNis2, "nis2"}, {kDora, "dora"})
HF_PLAN_ENUM(FindingSeverity, {kInfo, "info"}, {kWarning, "warning"}, {kError, "error"})

#undef HF_PLAN_ENUM

}  // namespace hf::plan
