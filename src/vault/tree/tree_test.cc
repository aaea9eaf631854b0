// Trees: order, round trip with everything an entry may hold, look-ups that read little, and streams that
// cannot be.
#include "vault/tree/tree.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "vault/testing.h"
#include "vault/tree/tree_record.h"

namespace hf::vault {
namespace {

using testing::MemoryChunks;

constexpr ChunkerParameters kTiny{128, 512, 2048};   // many chunks from few entries

GearTable test_table() { return gear_table(Secret(Bytes(32, 1)), kTreeGearInfo); }

std::vector<std::string> components(std::string_view path) {
  std::vector<std::string> out;
  if (path.empty()) return out;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    out.emplace_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

// std::string compares as unsigned bytes, vectors of them component by component: the definition of the
// order.
int order_by_definition(std::string_view a, std::string_view b) {
  const auto ca = components(a);
  const auto cb = components(b);
  return ca < cb ? -1 : ca == cb ? 0 : 1;
}

TEST(Tree, OrderIsByComponents) {
  const std::vector<std::string> order = {"",    "a",     "a/b", "a/b/c", "a/c", "a\x01", "a!",
                                          "a!b", "a-b/x", "a.",  "ab",    "b",   "\xff"};
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::size_t j = 0; j < order.size(); ++j) {
      const int sign = compare_paths(order[i], order[j]);
      EXPECT_EQ((sign > 0) - (sign < 0), (i > j) - (i < j)) << order[i] << " and " << order[j];
    }
  }
  Rng rng(1);
  constexpr std::string_view kBytes = "ab/!.\xfe";
  for (int round = 0; round < 20000; ++round) {
    const auto make = [&] {
      std::string p;
      for (std::size_t n = rng.bounded(8); n > 0; --n) p += kBytes[rng.bounded(kBytes.size())];
      return check_path(p).has_value() ? p : std::string("a");
    };
    const std::string a = make();
    const std::string b = make();
    const int sign = compare_paths(a, b);
    EXPECT_EQ((sign > 0) - (sign < 0), order_by_definition(a, b)) << a << " and " << b;
  }
}

TEST(Tree, PathsThatCouldLeaveTheFolderAreRefused) {
  for (const std::string_view good : {"", "a", "a/b", "...", "a..b", " ", "\xff\xfe", "a/.hidden"}) {
    EXPECT_TRUE(check_path(good).has_value()) << good;
  }
  for (const std::string_view bad : {"/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", "a/../b"}) {
    EXPECT_FALSE(check_path(bad).has_value()) << bad;
  }
  EXPECT_FALSE(check_path(std::string_view("a\0b", 3)).has_value());
  EXPECT_FALSE(check_path(std::string(65536, 'a')).has_value());
}

Extent piece(Rng& rng, std::uint64_t offset, std::uint32_t length) {
  Extent e{offset, length, false, {}, 100, length + 200};
  const Bytes id = testing::random_bytes(rng, 32);
  std::copy(id.begin(), id.end(), e.chunk.bytes.begin());
  return e;
}

Entry file(Rng& rng, std::string path, std::size_t extents) {
  Entry e;
  e.path = std::move(path);
  e.mode = 0640;
  for (std::size_t i = 0; i < extents; ++i) {
    e.extents.push_back(i > 0 && rng.chance(1, 3) ? e.extents[rng.bounded(i)] : piece(rng, 0, 1000));
    if (rng.chance(1, 10)) e.extents.back() = {0, 5000, true, {}, 0, 0};
    e.extents.back().offset = e.size;
    e.size += e.extents.back().length;
  }
  return e;
}

std::vector<Entry> one_of_everything() {
  Rng rng(2);
  std::vector<Entry> out(9);
  for (Entry& e : out) e.type = EntryType::kDirectory;
  out[0].mtime = {-2'208'988'800, 999'999'999};   // 1900
  out[0].ctime = {INT64_MIN, 0};
  out[1].path = "block";
  out[1].type = EntryType::kBlockDevice;
  out[1].rdev = 0x0801;
  out[2].path = "dir";
  out[2].mode = 07755;
  out[2].mtime = {7'258'118'400, 1};               // 2200
  out[2].user = "postgres";
  out[2].group = "ssl-cert";
  out[2].uid = 4'294'967'294;
  out[2].xattrs = {{"system.posix_acl_access", Bytes(44, 2)}, {"user.empty", {}}};
  out[3] = file(rng, "dir/\xff\xfe raw", 3);
  out[3].link_group = 77;
  out[3].inode = UINT64_MAX;
  out[3].device = 2049;
  out[4].path = "fifo";
  out[4].type = EntryType::kFifo;
  out[5].path = "link";
  out[5].type = EntryType::kSymlink;
  out[5].target = "../../etc/passwd";              // a symlink's text is its own: only paths are restricted
  out[6].path = "other name";
  out[6].type = EntryType::kHardLink;
  out[6].link_group = 77;
  out[6].target = "dir/\xff\xfe raw";
  out[7] = file(rng, "rel", 2);
  out[7].page_digests = testing::random_bytes(rng, (out[7].size + 8191) / 8192 * 16);
  out[8].path = "socket";
  out[8].type = EntryType::kSocket;
  return out;
}

struct Stored {
  MemoryChunks chunks{Secret(Bytes(32, 4))};
  TreeRoot root;

  explicit Stored(const std::vector<Entry>& entries, const ChunkerParameters& parameters = kTiny) {
    TreeWriter writer(test_table(), parameters, chunks.store());
    for (const Entry& e : entries) {
      const Status added = writer.add(e);
      EXPECT_TRUE(added.has_value()) << (added.has_value() ? "" : added.error().text);
    }
    root = writer.finish().value();
  }
  TreeReader open() { return TreeReader::open(root, chunks.fetch()).value(); }
  Result<std::vector<Entry>> all() {
    std::vector<Entry> out;
    HF_ASSIGN(TreeReader reader, TreeReader::open(root, chunks.fetch()));
    while (true) {
      HF_ASSIGN(std::optional<Entry> e, reader.next());
      if (!e.has_value()) return out;
      out.push_back(std::move(*e));
    }
  }
};

TEST(Tree, RoundTripOfEverything) {
  const auto entries = one_of_everything();
  Stored stored(entries);
  EXPECT_EQ(stored.all().value(), entries);
  EXPECT_EQ(stored.root.entries, entries.size());
  EXPECT_EQ(decode_root(encode_root(stored.root)).value(), stored.root);
}

TEST(Tree, EmptyTree) {
  Stored stored({});
  EXPECT_TRUE(stored.all().value().empty());
  EXPECT_FALSE(stored.open().find("a").value().has_value());
}

std::vector<Entry> many(std::size_t n, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<Entry> out;
  for (std::size_t i = 0; i < n; ++i) {
    std::string path = "d" + std::to_string(rng.bounded(20));
    if (!rng.chance(1, 10)) path += "/f" + std::to_string(rng.bounded(100'000));
    out.push_back(file(rng, path, rng.bounded(4)));
  }
  std::ranges::sort(out, [](const Entry& a, const Entry& b) { return compare_paths(a.path, b.path) < 0; });
  const auto twins = std::ranges::unique(out, {}, &Entry::path);
  out.erase(twins.begin(), twins.end());
  return out;
}

TEST(Tree, LookupsFindEveryPathAndReadLittle) {
  const auto entries = many(1500, 3);
  Stored stored(entries);
  EXPECT_EQ(stored.all().value(), entries);
  ASSERT_GT(stored.chunks.chunks.size(), 50U);
  TreeReader reader = stored.open();
  for (std::size_t i = 0; i < entries.size(); i += 7) {
    stored.chunks.fetched = 0;
    ASSERT_EQ(reader.find(entries[i].path).value(), entries[i]);
    EXPECT_LE(stored.chunks.fetched, 2U);
    ASSERT_FALSE(reader.find(entries[i].path + "\x01").value().has_value());
    ASSERT_TRUE(reader.seek(entries[i].path + "\x01").has_value());
    const auto next = reader.next().value();
    const auto expected = std::ranges::find_if(
        entries, [&](const Entry& e) { return compare_paths(e.path, entries[i].path + "\x01") > 0; });
    ASSERT_EQ(next.has_value(), expected != entries.end());
    if (next.has_value()) {
      EXPECT_EQ(next->path, expected->path);
      ASSERT_TRUE(reader.seek(expected->path).has_value());
      ASSERT_EQ(reader.next_view().value()->path, expected->path);
      EXPECT_EQ(reader.entry_of_view().value(), *expected);
    }
  }
  EXPECT_EQ(reader.find(entries.back().path).value()->path, entries.back().path);
  EXPECT_FALSE(reader.find("zzz").value().has_value());
}

TEST(Tree, FilesWithManyExtentsSpanRecordsAndChunks) {
  Rng rng(4);
  const std::vector<Entry> entries = {file(rng, "a", 1), file(rng, "big", 3 * kRecordExtents + 17),
                                      file(rng, "c", 1), file(rng, "huge", kRecordExtents),
                                      file(rng, "z", kRecordExtents + 1)};
  Stored stored(entries);
  EXPECT_EQ(stored.all().value(), entries);
  TreeReader reader = stored.open();
  for (const Entry& e : entries) EXPECT_EQ(reader.find(e.path).value(), e);
  EXPECT_FALSE(reader.find("bih").value().has_value());
  EXPECT_EQ(reader.next().value()->path, "huge");
}

TEST(Tree, AChangedEntryChangesFewChunks) {
  auto entries = many(2000, 5);
  Stored one(entries);
  entries[1000].mtime.seconds += 1;
  Stored two(entries);
  std::size_t fresh = 0;
  for (const auto& [id, chunk] : two.chunks.chunks) fresh += one.chunks.chunks.contains(id) ? 0 : 1;
  EXPECT_LE(fresh, 6U);
}

// A tree that follows another one is, to the byte, the tree that is written from nothing; and what is equal is not stored again.
TEST(Tree, FollowingAnotherTreeMakesTheSameTree) {
  Rng rng(10);
  for (int round = 0; round < 60; ++round) {
    const auto before = many(1 + rng.bounded(400), 100 + static_cast<std::uint64_t>(round));
    const std::uint64_t changes = round < 3 ? 0 : 1 + rng.bounded(8);
    std::vector<Entry> after = before;
    for (std::uint64_t n = 0; n < changes && !after.empty(); ++n) {
      const auto at = after.begin() + static_cast<std::ptrdiff_t>(rng.bounded(after.size()));
      if (rng.chance(1, 3)) after.erase(at);
      else if (rng.chance(1, 2)) at->mtime.seconds += 1;
      else at->path += rng.chance(1, 2) ? "!" : "/new";
    }
    std::ranges::sort(after, [](const Entry& a, const Entry& b) { return compare_paths(a.path, b.path) < 0; });
    if (round % 4 == 3) after.push_back(file(rng, "z", 1));   // the old tree's last chunk goes on
    Stored old(before);
    Stored expected(after);
    MemoryChunks fresh{Secret(Bytes(32, 4))};
    TreeWriter writer(test_table(), kTiny, fresh.store());
    TreeReader reader = old.open();
    const EntryView* view = reader.next_view().value();
    for (const Entry& e : after) {
      while (view != nullptr && compare_paths(view->path, e.path) < 0) view = reader.next_view().value();
      const bool same = view != nullptr && view->path == e.path && to_bytes(view->record) == encode_entry_record(e);
      const bool vouched = changes == 0 || !rng.chance(1, 50);
      ASSERT_TRUE(same ? writer.add_unchanged(e.path, view->record, e.size, vouched ? view->place : nullptr) : writer.add(e));
    }
    EXPECT_EQ(writer.finish().value(), expected.root) << round;
    if (changes > 0) continue;
    EXPECT_LE(fresh.chunks.size(), 1 + expected.root.index.size());   // its last chunk, and its index
  }
}

TEST(Tree, WriterRefusesWhatCannotBe) {
  MemoryChunks chunks{Secret(Bytes(32, 4))};
  Rng rng(6);
  const auto refused = [&](auto change, std::size_t index) {
    TreeWriter writer(test_table(), kTiny, chunks.store());
    Entry e = one_of_everything()[index];
    change(e);
    const Status added = writer.add(e);
    return !added.has_value() && added.error().kind == ErrorKind::kInvalid;
  };
  EXPECT_TRUE(refused([](Entry& e) { e.path = "../x"; }, 3));
  EXPECT_TRUE(refused([](Entry& e) { e.path = ""; }, 3));
  EXPECT_TRUE(refused([](Entry& e) { e.mode = 0100644; }, 3));
  EXPECT_TRUE(refused([](Entry& e) { e.mtime.nanoseconds = 1'000'000'000; }, 3));
  EXPECT_TRUE(refused([](Entry& e) { e.size += 1; }, 3));
  EXPECT_TRUE(refused([](Entry& e) { e.size = 1; }, 2));
  EXPECT_TRUE(refused([](Entry& e) { e.rdev = 1; }, 2));
  EXPECT_TRUE(refused([](Entry& e) { e.target = "x"; }, 2));
  EXPECT_TRUE(refused([](Entry& e) { e.target = ""; }, 5));
  EXPECT_TRUE(refused([](Entry& e) { e.target = "zz"; }, 6));
  EXPECT_TRUE(refused([](Entry& e) { e.target = "../x"; }, 6));
  EXPECT_TRUE(refused([](Entry& e) { e.link_group = 0; }, 6));
  EXPECT_TRUE(refused([](Entry& e) { e.page_digests.pop_back(); }, 7));
  EXPECT_TRUE(refused([](Entry& e) { e.xattrs = {{"", {}}}; }, 2));
  EXPECT_TRUE(refused([](Entry& e) { e.xattrs = {{"user.x", Bytes(kMaxXattrBytes, 1)}}; }, 2));
  EXPECT_TRUE(refused([](Entry& e) { e.user.assign(256, 'u'); }, 2));
  TreeWriter writer(test_table(), kTiny, chunks.store());
  EXPECT_TRUE(writer.add(file(rng, "b", 0)).has_value());
  EXPECT_EQ(writer.add(file(rng, "b", 0)).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(writer.add(file(rng, "a", 0)).error().kind, ErrorKind::kInvalid);
}

// Replaces one chunk's content under its id: what a bug or a hostile writer could store. Reading ends with an
// error or with valid entries; it never crashes, and never gives a path that leaves the folder.
TEST(Tree, DamagedStreamsNeverCrash) {
  Rng rng(7);
  std::vector<Entry> entries = one_of_everything();
  const auto more = many(60, 8);
  for (const Entry& e : more) entries.push_back(e);
  std::ranges::sort(entries,
                    [](const Entry& a, const Entry& b) { return compare_paths(a.path, b.path) < 0; });
  const Stored original(entries);
  std::size_t refused = 0;
  for (int round = 0; round < 3000; ++round) {
    Stored stored = original;
    auto victim = stored.chunks.chunks.begin();
    std::advance(victim, rng.bounded(stored.chunks.chunks.size()));
    Bytes& bytes = victim->second;
    bytes[rng.bounded(bytes.size())] ^= static_cast<std::uint8_t>(1U << rng.bounded(8));
    const auto all = stored.all();
    if (!all.has_value()) {
      ++refused;
      continue;
    }
    for (const Entry& e : *all) ASSERT_TRUE(check_entry(e).has_value());
    (void)stored.open().find("other name");
  }
  EXPECT_GT(refused, 300U);
}

TEST(Tree, TruncatedRecordsAreCorrupt) {
  for (const Entry& e : one_of_everything()) {
    const Bytes record = encode_entry_record(e);
    for (std::size_t n = 1; n < record.size(); ++n) {
      ByteReader in(ByteView(record).first(n).subspan(1), "tree");
      const auto decoded = decode_entry_record(in);
      ASSERT_FALSE(decoded.has_value()) << e.path << n;
      EXPECT_EQ(decoded.error().kind, ErrorKind::kCorrupt);
    }
    ByteReader in(ByteView(record).subspan(1), "tree");
    EXPECT_EQ(decode_entry_record(in).value().entry, e);
  }
  const Stored stored(one_of_everything());
  const Bytes root = encode_root(stored.root);
  for (std::size_t n = 0; n < root.size(); ++n)
    EXPECT_FALSE(decode_root(ByteView(root).first(n)).has_value()) << n;
}

TEST(Tree, AMissingOrExchangedChunkIsAnError) {
  const auto entries = many(300, 9);
  const Stored original(entries);
  for (const auto& [id, chunk] : original.chunks.chunks) {
    Stored stored = original;
    stored.chunks.chunks.erase(id);
    EXPECT_FALSE(stored.all().has_value());
    stored = original;
    stored.chunks.chunks[id].push_back(0);
    EXPECT_EQ(stored.all().error().kind, ErrorKind::kCorrupt);
  }
  Stored short_count = original;
  short_count.root.entries += 1;
  EXPECT_EQ(short_count.all().error().kind, ErrorKind::kCorrupt);
}

TEST(Tree, InodeFlagsAreAnExtension) {
  for (const std::uint32_t flags : {0x10u, kInodeFlags}) {
    Entry e = one_of_everything()[2];
    e.flags = flags;
    const Bytes record = encode_entry_record(e);
    ByteReader in(ByteView(record).subspan(1), "tree");
    EXPECT_EQ(decode_entry_record(in).value().entry, e);
    EntryView view;
    std::uint64_t total = 0;
    ASSERT_TRUE(decode_entry_view(record, view, total));
    EXPECT_TRUE(view.complete);                // a later snapshot may take the record as it stands
    e.flags |= 0x2;
    EXPECT_EQ(check_entry(e).error().kind, ErrorKind::kInvalid);
    e.flags = flags;
    e.type = EntryType::kFifo;
    e.size = 0;
    e.extents.clear();
    EXPECT_EQ(check_entry(e).error().kind, ErrorKind::kInvalid);
  }
}

TEST(Tree, UnknownExtensions) {
  Entry e = one_of_everything()[2];
  Bytes record = encode_entry_record(e);
  ASSERT_EQ(record[record.size() - 3], 0);   // no extensions; no extents in all; no extents here
  const auto with = [&](std::uint8_t type) {
    Bytes changed = record;
    changed[changed.size() - 3] = 1;
    const Bytes extension = {type, 2, 'h', 'i'};
    changed.insert(changed.end() - 2, extension.begin(), extension.end());
    ByteReader in(ByteView(changed).subspan(1), "tree");
    return decode_entry_record(in);
  };
  EXPECT_EQ(with(4).value().entry, e);
  EXPECT_EQ(with(5).error().kind, ErrorKind::kUnsupported);
}

TEST(Tree, PageDigestsInlineAndInChunks) {
  Rng rng(10);
  MemoryChunks chunks{Secret(Bytes(32, 4))};
  for (const std::size_t pages : {0U, 1U, 64U, 65U, 4096U, 4097U, 20'000U}) {
    std::vector<PageDigest> digests(pages);
    for (auto& d : digests) d = to_array<16>(testing::random_bytes(rng, 16));
    Entry e;
    e.path = "rel";
    e.size = pages * kPageBytes;
    if (pages > 0) e.extents = {{0, e.size, true, {}, 0, 0}};
    ASSERT_TRUE(set_page_digests(e, digests, chunks.store()).has_value());
    EXPECT_EQ(e.page_digest_chunks.empty(), pages <= 64);
    EXPECT_TRUE(check_entry(e).has_value()) << pages;
    EXPECT_EQ(page_digests(e, chunks.fetch()).value(), digests);
  }
}

}  // namespace
}  // namespace hf::vault
