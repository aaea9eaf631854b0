// What happened to data: backups, restores that were verified, vault checks, canaries; and the end of a
// drill.
#pragma once

#include "record/fields.h"

namespace hf::record {

struct BackupFinished {
  static constexpr std::string_view kType = "backup.finished";
  std::string component;
  std::string snapshot;
  std::string vault;
  std::uint64_t files = 0;
  std::uint64_t source_bytes = 0;
  std::uint64_t new_bytes = 0;
  std::uint64_t stored_bytes = 0;
  Micros duration{};
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("component", s.component);
    v("snapshot", s.snapshot);
    v("vault", s.vault);
    v("files", s.files);
    v("source_bytes", s.source_bytes);
    v("new_bytes", s.new_bytes);
    v("stored_bytes", s.stored_bytes);
    v("duration_us", s.duration);
  }
  friend bool operator==(const BackupFinished&, const BackupFinished&) = default;
};

struct CanaryFound {
  std::uint64_t last_written = 0;
  std::uint64_t last_found = 0;
  std::uint64_t lost = 0;
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("last_written", s.last_written);
    v("last_found", s.last_found);
    v("lost", s.lost);
  }
  friend bool operator==(const CanaryFound&, const CanaryFound&) = default;
};

struct Assertion {
  std::string name;
  bool ok = false;
  std::string detail;
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("name", s.name);
    v("ok", s.ok);
    v.optional("detail", s.detail);
  }
  friend bool operator==(const Assertion&, const Assertion&) = default;
};

struct VerifyFinished {
  static constexpr std::string_view kType = "verify.finished";
  std::string component;
  std::string snapshot;
  std::optional<Micros> rto;
  std::optional<Micros> rpo;
  std::optional<CanaryFound> canary;
  std::vector<Assertion> assertions;
  bool torn_down = false;
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("component", s.component);
    v("snapshot", s.snapshot);
    v.optional("rto_us", s.rto);
    v.optional("rpo_us", s.rpo);
    v.optional("canary", s.canary);
    v("assertions", s.assertions);
    v("torn_down", s.torn_down);
  }
  friend bool operator==(const VerifyFinished&, const VerifyFinished&) = default;
};

struct VaultChecked {
  static constexpr std::string_view kType = "vault.checked";
  std::string vault;
  std::uint64_t packs = 0;
  std::uint64_t chunks = 0;
  std::uint64_t read_bytes = 0;
  std::vector<std::string> damaged;
  std::vector<std::string> healed;
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("vault", s.vault);
    v("packs", s.packs);
    v("chunks", s.chunks);
    v("read_bytes", s.read_bytes);
    v.optional("damaged", s.damaged);
    v.optional("healed", s.healed);
  }
  friend bool operator==(const VaultChecked&, const VaultChecked&) = default;
};

struct CanaryWritten {
  static constexpr std::string_view kType = "canary.written";
  std::string component;
  std::uint64_t number = 0;
  WallTime at{};
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("component", s.component);
    v("number", s.number);
    v("at", s.at);
  }
  friend bool operator==(const CanaryWritten&, const CanaryWritten&) = default;
};

struct DrillFinished {
  static constexpr std::string_view kType = "drill.finished";
  std::string drill;
  bool passed = false;
  std::vector<Assertion> assertions;
  bool torn_down = false;
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("drill", s.drill);
    v("passed", s.passed);
    v("assertions", s.assertions);
    v("torn_down", s.torn_down);
  }
  friend bool operator==(const DrillFinished&, const DrillFinished&) = default;
};

}  // namespace hf::record
