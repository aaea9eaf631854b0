#include "vault/store/s3_store.h"

#include "base/text.h"
#include "vault/object/object.h"

namespace hf::vault {
namespace {

Error about_object(Error error, const std::string& name) {
  error.object = name;
  return error;
}

// The bulk: chunks of files. Metadata is read by every listing and restore, and stays where that is quick.
bool is_data_pack(const std::string& name, ByteView bytes) {
  if (!name.starts_with("packs/")) return false;
  const auto header = decode_header(bytes, ObjectKind::kPack, name);
  return header && (header->header.flags & kFlagMetadata) == 0;
}

// What a snapshot is made of, and nothing that the protocol removes in its course.
bool is_kept(const std::string& name) {
  for (const char* folder : {"packs/", "index/", "commits/", "config/", "attach/"}) {
    if (name.starts_with(folder)) return true;
  }
  return name == "store" || (name.starts_with("wal/") && (name.ends_with("/sealed") || name.ends_with("/history")));
}

Error is_locked(const std::string& name, const remote::S3Object& object) {
  const std::string until = object.locked_until ? format_time(*object.locked_until) : "";
  return make_error(ErrorKind::kBlocked, "object " + name + " is locked " +
                                             (object.held ? "by a legal hold" : "until " + until))
      .with_hint("Nobody can remove it earlier; run the same command again then.")
      .with_object(name);
}

bool is_locked_at(const remote::S3Object& object, WallTime now) {
  return object.held || (object.locked_until && *object.locked_until > now);
}

// x-amz-restore: ongoing-request="true", or "false" with expiry-date="Fri, 21 Dec 2012 00:00:00 GMT".
void read_restore(const std::string& text, KeptState& out) {
  if (!is_archive_class(out.storage_class)) return;
  out.readable = KeptState::Readable::kArchived;
  if (text.find("ongoing-request=\"true\"") != std::string::npos) out.readable = KeptState::Readable::kOnItsWay;
  if (text.find("ongoing-request=\"false\"") == std::string::npos) return;
  out.readable = KeptState::Readable::kYes;
  constexpr std::string_view kBefore = "expiry-date=\"";
  const std::size_t at = text.find(kBefore);
  if (at == std::string::npos) return;
  const std::size_t begin = at + kBefore.size();
  out.readable_until = remote::parse_http_date(text.substr(begin, text.find('"', begin) - begin));
}

}  // namespace

S3Store::S3Store(Parts parts, const S3Address& address, remote::S3Options options, const StoreContext& context)
    : parts_(std::move(parts)),
      address_(address),
      clock_(context.clock),
      client_(*parts_.http, *parts_.credentials, context.clock, context.entropy, context.log, std::move(options),
              context.stop) {}

StoreProperties S3Store::properties() const {
  StoreProperties out;
  out.kind = "s3";
  out.place = address_.place();
  out.conditional_create = !address_.single_writer;
  out.single_writer = address_.single_writer;
  return out;
}

remote::S3Put S3Store::put_of(const std::string& name, ByteView bytes) const {
  remote::S3Put out;
  if (!address_.storage_class.empty() && is_data_pack(name, bytes)) out.storage_class = address_.storage_class;
  if (address_.retain.value_or(Micros(0)) > Micros(0) && is_kept(name)) {
    // A commit last and for exactly so long; what it stands on is locked for longer (lock_stride).
    out.retain_until = clock_.wall() + *address_.retain;
    if (!name.starts_with("commits/")) *out.retain_until += lock_stride(*address_.retain);
    out.governance = address_.governance;
  }
  return out;
}

Status S3Store::put(const std::string& name, ByteView bytes, PutMode mode) {
  HF_TRY(check_object_name(name));
  remote::S3Put put = put_of(name, bytes);
  put.create = mode == PutMode::kCreate && !address_.single_writer;
  if (mode == PutMode::kCreate && address_.single_writer) {
    auto there = client_.head(key_of(name));
    if (there)
      return make_error(ErrorKind::kExists, "object " + name + " exists in " + address_.place()).with_object(name);
    if (there.error().kind != ErrorKind::kNotFound) return about_object(std::move(there).error(), name);
  }
  Status done = client_.put(key_of(name), bytes, put);
  if (done) return done;
  Error error = std::move(done).error();
  if (error.kind == ErrorKind::kExists) {
    Error exists =
        make_error(ErrorKind::kExists, "object " + name + " exists in " + address_.place()).with_object(name);
    exists.effect = error.effect;
    return exists;
  }
  if (error.kind == ErrorKind::kUnsupported && put.create) {
    error.hint = "This store cannot create an object only where none is; docs/vault-s3.md says what that means.";
  }
  return about_object(std::move(error).with_context("storing " + name), name);
}

Error S3Store::explain_archived(const std::string& name, Error archived) {
  auto state = look(name);
  if (!state || state->readable == KeptState::Readable::kYes) return archived;
  if (state->readable == KeptState::Readable::kOnItsWay) {
    return make_error(ErrorKind::kBlocked,
                      "object " + name + " is on its way back from the archive (" + state->storage_class + ")")
        .with_hint("Run the same command again later: within minutes to 48 hours, by tier and class.")
        .with_object(name);
  }
  return make_error(ErrorKind::kBlocked, "object " + name + " is archived (" + state->storage_class +
                                             ") and must be brought back first")
      .with_hint("`holdfast restore ... --thaw Bulk` (or Standard, Expedited) asks for all that it needs; that costs money.")
      .with_object(name);
}

Result<LockSupport> S3Store::lock_support() {
  auto settings = client_.settings();
  if (!settings) return std::move(settings).error().with_context("asking what the bucket locks");
  return LockSupport{settings->object_lock, settings->versioning, settings->default_retention};
}

Result<KeptState> S3Store::look(const std::string& name) {
  HF_TRY(check_object_name(name));
  auto object = client_.head(key_of(name));
  if (!object) return about_object(std::move(object).error(), name);
  KeptState out;
  out.storage_class = object->storage_class == "STANDARD" ? "" : object->storage_class;
  out.locked_until = object->locked_until;
  out.held = object->held;
  read_restore(object->restore, out);
  return out;
}

Status S3Store::lock(const std::string& name, WallTime until) {
  HF_TRY(check_object_name(name));
  Status done = client_.set_retention(key_of(name), until, address_.governance);
  if (done) return done;
  return about_object(std::move(done).error().with_context("locking " + name + " until " + format_time(until)), name);
}

Status S3Store::hold(const std::string& name, bool on) {
  HF_TRY(check_object_name(name));
  Status done = client_.set_legal_hold(key_of(name), on);
  if (done) return done;
  return about_object(std::move(done).error().with_context(std::string(on ? "holding " : "releasing ") + name), name);
}

Status S3Store::move(const std::string& name, const std::string& storage_class) {
  HF_TRY(check_object_name(name));
  auto object = client_.head(key_of(name));
  if (!object) return about_object(std::move(object).error(), name);
  if (is_locked_at(*object, clock_.wall())) return is_locked(name, *object);
  remote::S3Put as;
  as.storage_class = storage_class;
  Status done = client_.change_class(*object, as);
  if (!done) return about_object(std::move(done).error().with_context("moving " + name + " to " + storage_class), name);
  if (object->version.empty()) return ok();
  done = client_.remove(object->key, object->version);  // what is hidden by the copy would be paid for, too
  if (done) return done;
  return about_object(std::move(done).error().with_context("removing the old version of " + name), name);
}

Status S3Store::thaw(const std::string& name, int days, const std::string& tier) {
  HF_TRY(check_object_name(name));
  Status done = client_.request_restore(key_of(name), days, tier);
  if (done) return done;
  return about_object(std::move(done).error().with_context("asking " + name + " back from the archive"), name);
}

Result<Bytes> S3Store::get(const std::string& name, ByteRange range) {
  HF_TRY(check_object_name(name));
  auto bytes = client_.get(key_of(name), {range.offset, range.length}, kMaxObjectBytes);
  if (bytes) return bytes;
  Error error = std::move(bytes).error();
  if (error.kind == ErrorKind::kBlocked) error = explain_archived(name, std::move(error));
  return about_object(std::move(error), name);
}

Result<ObjectInfo> S3Store::stat(const std::string& name) {
  HF_TRY(check_object_name(name));
  auto info = client_.head(key_of(name));
  if (!info) return about_object(std::move(info).error(), name);
  return ObjectInfo{name, info->size, info->modified};
}

Status S3Store::list(const std::string& prefix, const std::function<Status(const ObjectInfo&)>& each) {
  return client_.list(address_.prefix + prefix, [&](const remote::S3Object& object) -> Status {
    const std::string name = object.key.substr(address_.prefix.size());
    if (!check_object_name(name)) return ok();  // somebody else's
    return each({name, object.size, object.modified, object.storage_class == "STANDARD" ? "" : object.storage_class});
  });
}

Status S3Store::remove(const std::string& name) {
  HF_TRY(check_object_name(name));
  std::string version;
  if (address_.retain && is_kept(name)) {
    auto there = client_.head(key_of(name));
    if (!there && there.error().kind == ErrorKind::kNotFound) return ok();
    if (!there) return about_object(std::move(there).error(), name);
    if (is_locked_at(*there, clock_.wall())) return is_locked(name, *there);
    version = there->version;
  }
  Status done = client_.remove(key_of(name), version);
  if (done) return done;
  return about_object(std::move(done).error(), name);
}

Result<std::unique_ptr<Store>> open_s3_store(const StoreContext& context, const std::string& url) {
  HF_ASSIGN(const S3Address address, parse_s3_address(url));
  HF_ASSIGN(S3Connection connection, connection_of(address, context.files, context.environment));
  S3Store::Parts parts;
  parts.metadata = std::make_unique<remote::CurlHttpClient>(context.clock);
  parts.http = std::make_unique<remote::CurlHttpPool>(context.clock, connection.http);
  parts.credentials = std::make_unique<remote::AwsCredentialChain>(
      remote::AwsCredentialChain::Parts{context.files, context.clock, *parts.metadata, *parts.http, context.environment,
                                        address.profile, connection.client.region, context.processes});
  return std::unique_ptr<Store>(
      std::make_unique<S3Store>(std::move(parts), address, std::move(connection.client), context));
}

}  // namespace hf::vault
