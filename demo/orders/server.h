// The HTTP side: POST /orders, GET /orders/<number>, GET /health. A thread per connection, at most kMaxConnections.
#pragma once

#include <atomic>
#include <mutex>
#include <stop_token>
#include <string>

#include "base/time.h"
#include "io/files.h"
#include "orders/database.h"

namespace orders {

inline constexpr int kMaxConnections = 64;

// The settings in force: read from a file, and again when the process gets SIGUSR1.
class LiveSettings {
 public:
  LiveSettings(hf::Files& files, std::string path) : files_(files), path_(std::move(path)) {}
  hf::Status reload();
  Settings get();

 private:
  hf::Files& files_;
  std::string path_;
  std::mutex mutex_;
  Settings settings_;
};

// Serves until a stop is asked for.
hf::Status serve(hf::Clock& clock, LiveSettings& settings, const std::string& address, int port, std::stop_token stop);

}  // namespace orders
