// What the journal says about itself, and personal data kept outside it.
#pragma once

#include "record/fields.h"

namespace hf::record {

// The first leaf of every journal: it binds the tree to its origin and first key.
struct JournalOpened {
  static constexpr std::string_view kType = "journal.opened";
  std::string origin;        // "holdfast/<128-bit journal id, 32 hexadecimal digits>"
  std::string public_key;    // Ed25519, base64
  std::string
      recovery_key;  // Ed25519, base64: may sign a succession when the first key is lost; empty: none may
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("origin", s.origin);
    v("public_key", s.public_key);
    v.optional("recovery_key", s.recovery_key);
  }
  friend bool operator==(const JournalOpened&, const JournalOpened&) = default;
};

// A frame cut short by a crash was removed when the log was opened. It had never been acknowledged.
struct JournalHealed {
  static constexpr std::string_view kType = "journal.healed";
  std::string segment;
  std::uint64_t offset = 0;         // where the incomplete frame began
  std::uint64_t removed_bytes = 0;
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("segment", s.segment);
    v("offset", s.offset);
    v("removed_bytes", s.removed_bytes);
  }
  friend bool operator==(const JournalHealed&, const JournalHealed&) = default;
};

// Checkpoints that cover this leaf are signed by new_key. Signed by the key before, or by a recovery-kit key,
// over "holdfast key succession v1\n" origin "\n" new_key "\n" (texts as in this body).
struct KeySuccession {
  static constexpr std::string_view kType = "key.succession";
  std::string origin;
  std::string new_key;       // Ed25519, base64
  std::string signed_by;     // the public key that signed, base64
  std::string signer_role;   // "previous" or "recovery"
  std::string signature;     // base64
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("origin", s.origin);
    v("new_key", s.new_key);
    v("signed_by", s.signed_by);
    v("signer_role", s.signer_role);
    v("signature", s.signature);
  }
  friend bool operator==(const KeySuccession&, const KeySuccession&) = default;
};

// A person's words, outside or inside a run.
struct Note {
  static constexpr std::string_view kType = "note";
  std::string text;
  template <class Self, class V>
  static void visit(Self& s, V& v) { v("text", s.text); }
  friend bool operator==(const Note&, const Note&) = default;
};

// Stands in an event where personal data would: SHA-256(32 random bytes || data). Salt and (encrypted) data
// are kept outside the log; erasing them erases the data and leaves the tree whole. Computed by
// journal::commit_to.
struct Commitment {
  std::string sha256;   // hex
  template <class Self, class V>
  static void visit(Self& s, V& v) { v("sha256", s.sha256); }
  friend bool operator==(const Commitment&, const Commitment&) = default;
};

}  // namespace hf::record
