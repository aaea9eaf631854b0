// The customer: writes numbered orders at a steady rate to whatever address the DNS gives for the shop's name, and
// keeps the acknowledgements. What is in that file was promised to somebody.
#pragma once

#include <stop_token>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "io/files.h"
#include "remote/dns.h"
#include "remote/http.h"

namespace orders {

struct ClientOptions {
  std::string resolver;  // DNS server, "127.0.3.1:5353": the only way in which the name is resolved
  std::string name;      // "orders.demo.test"
  std::string address;   // used instead of the DNS, by customers that never look a name up again
  int port = 0;
  std::string acknowledgements;  // file: "<number> <microseconds since 1970>" a line, written before the next order
  std::string attempts;          // file: numbers that were sent, whatever became of them
  int rate = 100;                // orders a second, all workers together
  int workers = 4;
  long first = 1;
};

// Runs until a stop is asked for. An order that fails is not repeated; the next number is tried.
hf::Status run_client(hf::Clock& clock, hf::remote::HttpClient& http, hf::remote::DnsClient& dns,
                      const ClientOptions& options, std::stop_token stop);

}  // namespace orders
