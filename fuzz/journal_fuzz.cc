// Bytes from outside that become a journal or a bundle: segment headers, frames, events, notes, archives.
// Whatever is accepted must be exactly what would have been written.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "evidence/archive.h"
#include "evidence/bundle.h"
#include "journal/format.h"
#include "journal/note.h"
#include "record/event.h"

namespace {

using namespace hf;

void segment(ByteView data) {
  if (auto header = journal::decode_header(data))
    HF_CHECK(as_text(journal::encode_header(*header)) == as_text(data.first(journal::kHeaderBytes)));
  ByteView rest = data.size() < journal::kHeaderBytes ? data : data.subspan(journal::kHeaderBytes);
  for (std::uint64_t seq = 0;; ++seq) {
    journal::Frame frame = journal::decode_frame(journal::JournalId{}, seq, rest);
    if (frame.state != journal::FrameState::kWhole) return;
    Bytes again = journal::encode_frame(journal::JournalId{}, seq, frame.leaf, frame.hash);
    HF_CHECK(as_text(again) == as_text(rest.first(frame.size)));
    rest = rest.subspan(frame.size);
  }
}

void texts(std::string_view text) {
  if (auto event = record::parse_event(text)) HF_CHECK(record::encode_event(*event).value() == text);
  if (auto checkpoint = journal::parse_checkpoint(text)) HF_CHECK(journal::format_checkpoint(*checkpoint) == text);
  if (auto key = journal::parse_verifier_key(text)) HF_CHECK(journal::format_verifier_key(key->name, key->key) == text);
  (void)journal::open_note(text, "PeterNeumann", crypto::PublicKey{});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteView bytes(data, size);
  segment(bytes);
  texts(as_text(bytes));
  if (auto files = evidence::unpack(bytes)) HF_CHECK(as_text(evidence::pack(*files)) == as_text(bytes));
  (void)evidence::check_bundle(bytes, "bundle");
  return 0;
}
