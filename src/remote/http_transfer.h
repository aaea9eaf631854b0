// One HTTP transfer as libcurl sees it: an easy handle with its options set, and what its callbacks received. For
// http.cc and http_pool.cc, which drive it; nothing else includes libcurl.
//
// Invariant: request and pool options outlive the transfer; the answer never grows past the request's body limit.
#pragma once

#include <memory>
#include <string>

#include <curl/curl.h>

#include "remote/http.h"

namespace hf::remote {

struct EasyFree {
  void operator()(CURL* h) const { curl_easy_cleanup(h); }
};
struct MultiFree {
  void operator()(CURLM* h) const { curl_multi_cleanup(h); }
};
struct ListFree {
  void operator()(curl_slist* l) const { curl_slist_free_all(l); }
};
using Multi = std::unique_ptr<CURLM, MultiFree>;
using List = std::unique_ptr<curl_slist, ListFree>;

class Transfer {
 public:
  // `options` null: only numeric addresses are connected to, and no proxy.
  static Result<std::unique_ptr<Transfer>> prepare(const HttpRequest& request, Micros timeout,
                                                   const HttpPoolOptions* options);
  CURL* handle() const { return easy_.get(); }
  // The answer, or why there is none. Once.
  Result<HttpResponse> finish(CURLcode code, bool stopped, Micros elapsed);

 private:
  explicit Transfer(const HttpRequest& request) : request_(request) {}
  void set_options(Micros timeout);
  void set_method();
  void set_pool_options(const HttpPoolOptions& options);
  Error failure(CURLcode code, bool stopped) const;
  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* user);
  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* user);

  const HttpRequest& request_;
  std::unique_ptr<CURL, EasyFree> easy_;
  List headers_, connect_;
  HttpResponse response_;
  std::size_t header_bytes_ = 0;
  bool too_large_ = false;
  bool head_ended_ = false;                // the empty line came: libcurl takes a connection's end for it
  char error_[CURL_ERROR_SIZE] = "";
};

// One line of an answer's head, with its end. `ended` once the empty line came.
void take_header_line(std::string_view line, HttpHeaders& headers, bool& ended);

void start_curl_once();  // the library's own requirement: once in a process

}  // namespace hf::remote
