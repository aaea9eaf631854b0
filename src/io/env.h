// What the world is reached through. A plain struct of references: everything in it outlives its users.
#pragma once

#include "base/log.h"
#include "base/rng.h"
#include "base/time.h"
#include "io/files.h"
#include "io/process.h"

namespace hf {

struct Env {
  Clock& clock;
  Rng& rng;
  Files& files;
  Processes& processes;
  Log& log;
};

}  // namespace hf
