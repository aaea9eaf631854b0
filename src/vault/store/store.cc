// Names of objects, and the choice of a store by its address.
#include "vault/store/store.h"

#include "base/nearest.h"
#include "vault/store/directory_store.h"
#include "vault/store/s3_store.h"

namespace hf::vault {
namespace {

constexpr std::size_t kMaxNameParts = 8;
constexpr std::size_t kMaxPartBytes = 64;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

bool is_name_part(std::string_view part) {
  if (part.empty() || part.size() > kMaxPartBytes || part[0] == '.' || part[0] == '-') return false;
  for (char c : part) {
    if (!is_name_character(c)) return false;
  }
  return true;
}

// https:// is where many a store is reached, and no address of a vault: it is an option of one.
Error no_address(const std::string& url) {
  const std::string scheme = url.substr(0, url.find("://"));
  const std::string meant = nearest(scheme, {"s3", "file", "https", "http"});
  std::string hint = "Give a directory (/path, ./path or file:///path) or s3://BUCKET/PREFIX?region=REGION.";
  if (meant == "http" || meant == "https") {
    const std::string endpoint = meant + url.substr(scheme.size());
    hint = "Give s3://BUCKET/PREFIX?endpoint=" + endpoint + " for an object store that is reached there.";
  } else if (!meant.empty() && meant != scheme) {
    hint = "Did you mean '" + meant + url.substr(scheme.size()) + "'? " + hint;
  }
  return make_error(ErrorKind::kUsage, "'" + url + "' is not the address of a vault").with_hint(hint);
}

}  // namespace

Status check_object_name(std::string_view name) {
  std::string_view rest = name;
  for (std::size_t parts = 1; parts <= kMaxNameParts; ++parts) {
    const std::size_t slash = rest.find('/');
    if (!is_name_part(rest.substr(0, slash))) break;
    if (slash == std::string_view::npos) return ok();
    rest.remove_prefix(slash + 1);
  }
  return make_error(ErrorKind::kInvalid, "'" + std::string(name) + "' is not an object name");
}

Result<std::unique_ptr<Store>> open_store(const StoreContext& context, const std::string& url) {
  return looks_like_s3(url) ? open_s3_store(context, url) : open_store(context.files, context.entropy, url);
}

Result<std::unique_ptr<Store>> open_store(Files& files, crypto::Entropy& entropy, const std::string& url) {
  if (url.empty()) return make_error(ErrorKind::kUsage, "the address of the vault is empty");
  if (looks_like_s3(url)) {
    return make_error(ErrorKind::kUnsupported, "a vault in object storage (" + url + ") cannot be used here")
        .with_hint("Use a directory.");
  }
  std::string path = url.starts_with("file://") ? url.substr(7) : url;
  if (path.empty() || path.find("://") != std::string::npos) return no_address(url);
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return std::unique_ptr<Store>(std::make_unique<DirectoryStore>(files, entropy, std::move(path)));
}

}  // namespace hf::vault
