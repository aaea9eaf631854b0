// The address of a vault in an object store: "s3://bucket/prefix?endpoint=URL&region=R&path_style=true&...". What is
// not in it comes from the variables and files of AWS's own tools. Secrets have no place in it.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "io/files.h"
#include "remote/http.h"
#include "remote/s3.h"

namespace hf::vault {

struct S3Address {
  std::string bucket;
  std::string prefix;            // of every key: "" or "a/b/"
  std::string endpoint, region;  // "" where not given
  std::optional<bool> path_style;
  std::string profile;
  std::string ca_file;
  std::string proxy;
  std::string encryption, kms_key;  // "AES256", "aws:kms"
  std::string storage_class;        // of packs of file data, the bulk; everything else stays standard
  std::optional<Micros> retain;     // Object Lock of what a snapshot is made of; 0: no more, but what is locked stays
  bool governance = false;
  bool single_writer = false;  // accepted: the store cannot create only where nothing is

  std::string place() const;  // "s3://bucket/prefix"
};

// Does it begin like one? Also the mistyped forms, which parse_s3_address then names.
bool looks_like_s3(const std::string& url);
// kUsage with a hint: an unknown or doubled option, a value that is none, a bucket name that cannot exist.
Result<S3Address> parse_s3_address(const std::string& url);

using Environment = std::map<std::string, std::string>;

struct S3Connection {
  remote::S3Options client;
  remote::HttpPoolOptions http;
};
// Fills in endpoint, region, proxy and CA: address, then AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION,
// AWS_DEFAULT_REGION, AWS_CA_BUNDLE, then the profile; HTTPS_PROXY, http_proxy, NO_PROXY. kUsage where no region is
// known.
Result<S3Connection> connection_of(const S3Address& address, Files& files, const Environment& environment);

}  // namespace hf::vault
