// What this machine keeps of a vault in files of its own. The first byte chooses: 0 the memory of what a store showed, as it
// lies there; 1 the same, with its checksum put behind it here; 2 a session journal as it lies there; 3 its frames (type,
// length, body), with their checksums made here. Damage costs work and a warning, nothing else.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/check.h"
#include "vault/backup/session_journal.h"
#include "vault/seen.h"
#include "vault/store/directory_store.h"
#include "vault_keys.h"

namespace hf::vault {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kMostFrames = 200;

class Quiet final : public Log {
 public:
  void write(LogLevel, std::string_view, std::string_view, std::initializer_list<LogField>) override {}
};

// A machine and an empty store, made once for the process.
class Machine {
 public:
  Machine() {
    meta.host = "h";
    meta.component = "c";
    meta.paths = {"/a"};
    HF_CHECK(check_seen(core, true).has_value());
    HF_CHECK(SessionJournal::open(core, meta) != nullptr);
    seen_file = only_file("seen");
    journal_file = only_file("sessions");
  }
  ~Machine() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  static fs::path make_root() {
    std::random_device random;
    const fs::path root = fs::temp_directory_path() / ("hf-fuzz-" + std::to_string(random()) + std::to_string(random()));
    fs::create_directories(root);
    return root;
  }
  fs::path only_file(const char* folder) {
    for (const auto& file : fs::directory_iterator(root_ / "state" / folder)) {
      if (file.path().extension() != ".lock") return file.path();
    }
    HF_CHECK(false);
    return {};
  }

 private:
  const fs::path root_ = make_root();
  PosixFiles files_;
  fuzz::FixedEntropy entropy_;
  SystemClock clock_;
  Quiet log_;
  DirectoryStore store_{files_, entropy_, root_ / "store"};

 public:
  Repository::Core core{RepositoryContext{store_, entropy_, clock_, log_, "h", {}, {&files_, root_ / "state"}}, Config{},
                        fuzz::fixed_keys(), StoreId{3}};
  SnapshotMeta meta;
  fs::path seen_file, journal_file;
};

Machine& machine() {
  static Machine one;
  return one;
}

void put(const fs::path& file, ByteView bytes) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

crypto::Digest sum_of(std::string_view what, ByteView bytes) {
  const Repository::Core& core = machine().core;
  return crypto::hmac_sha256(crypto::hkdf_sha256(core.keys.id_key.reveal(), core.store_id, what, 32).reveal(), bytes);
}

void seen(ByteView bytes) {
  put(machine().seen_file, bytes);
  (void)read_seen(machine().core);
}

void journal(ByteView bytes) {
  put(machine().journal_file, bytes);
  const auto read = SessionJournal::open(machine().core, machine().meta);
  HF_CHECK(read != nullptr);
  (void)read->take_packs();
  (void)read->ended_sessions();
  for (const char* path : {"", "a", "a/b", "z"}) {
    if (const BegunEntry* entry = read->find(path)) HF_CHECK(entry->view.path == path);
    std::uint64_t end = 0;
    for (const Extent& extent : read->find_part(path, FileState{}, WallTime(Seconds(2'000'000'000)))) {
      HF_CHECK(extent.offset == end);
      end += extent.length;
    }
  }
}

Bytes framed(ByteView input) {
  ByteReader in(input, "input");
  ByteWriter out;
  for (std::size_t n = 0; n < kMostFrames && !in.at_end(); ++n) {
    const auto type = in.u8();
    const auto body = in.sized(in.remaining());
    if (!type || !body) break;
    ByteWriter under;
    under.u64(out.size()).u8(*type).raw(*body);
    const crypto::Digest sum = sum_of("holdfast/v1 session journal", under.take());
    out.u32(static_cast<std::uint32_t>(body->size())).u8(*type).raw(ByteView(sum).first(16)).raw(*body);
  }
  return out.take();
}

}  // namespace
}  // namespace hf::vault

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf::vault;
  if (size == 0) return 0;
  const hf::ByteView rest(data + 1, size - 1);
  switch (data[0]) {
    case 0: seen(rest); break;
    case 1: {
      hf::ByteWriter whole;
      seen(whole.raw(rest).raw(sum_of("holdfast/v1 seen", rest)).take());
      break;
    }
    case 2: journal(rest); break;
    case 3: journal(framed(rest)); break;
    default: break;
  }
  return 0;
}
