#include "vault/store/s3_store.h"

#include "vault/object.h"

namespace hf::vault {
namespace {

constexpr int kThawDays = 7;  // that a copy brought back stays readable: a restore may take long

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
  for (const char* folder : {"packs/", "index/", "commits/", "config/"}) {
    if (name.starts_with(folder)) return true;
  }
  return name.starts_with("wal/") && name.ends_with("/sealed");
}

bool is_archive(const std::string& storage_class) {
  return storage_class == "GLACIER" || storage_class == "DEEP_ARCHIVE";
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
  if (address_.retain && is_kept(name)) {
    out.retain_until = clock_.wall() + *address_.retain;
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

// Reading an archived object asks for it to be brought back, where the address says how fast.
Error S3Store::thaw(const std::string& name, Error archived) {
  auto info = client_.head(key_of(name));
  if (!info || !is_archive(info->storage_class)) return archived;
  const bool on_its_way = info->restore.find("ongoing-request=\"true\"") != std::string::npos;
  if (address_.thaw.empty() && !on_its_way) {
    return make_error(ErrorKind::kBlocked,
                      "object " + name + " is archived (" + info->storage_class + ") and must be brought back first")
        .with_hint(
            "Add thaw=Bulk (or Standard, Expedited) to the vault's address: what is read is then asked back; that "
            "costs money.")
        .with_object(name);
  }
  if (!on_its_way) {
    Status asked = client_.request_restore(key_of(name), kThawDays, address_.thaw);
    if (!asked) return about_object(std::move(asked).error().with_context("asking " + name + " back from the archive"), name);
  }
  return make_error(ErrorKind::kBlocked,
                    "object " + name + " is on its way back from the archive (" + info->storage_class + ")")
      .with_hint("Run the same command again later: within minutes to 48 hours, by tier and class.")
      .with_object(name);
}

Result<Bytes> S3Store::get(const std::string& name, ByteRange range) {
  HF_TRY(check_object_name(name));
  auto bytes = client_.get(key_of(name), {range.offset, range.length}, kMaxObjectBytes);
  if (bytes) return bytes;
  Error error = std::move(bytes).error();
  if (error.kind == ErrorKind::kBlocked) error = thaw(name, std::move(error));
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
    return each({name, object.size, object.modified});
  });
}

Status S3Store::remove(const std::string& name) {
  HF_TRY(check_object_name(name));
  Status done = client_.remove(key_of(name));
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
                                        address.profile, connection.client.region});
  return std::unique_ptr<Store>(
      std::make_unique<S3Store>(std::move(parts), address, std::move(connection.client), context));
}

}  // namespace hf::vault
