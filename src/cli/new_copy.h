// Making a copy of a vault at an address where there is none.
//
// This machine keeps, in its state folder, at which addresses it saw a copy. `vault copy` makes one where none was ever seen;
// one that was seen and is gone is not made anew, because its disk may not be mounted.
#pragma once

#include "base/json.h"
#include "cli/vault_access.h"

namespace hf::cli {

// An empty copy at `url`, as `vault init --copy-of` makes it; what was found about its store, as data.
Result<Json> make_copy(Context& context, OpenVault& from, const std::string& url);

// The copy of `from` at `url`; made first if there is none and none was seen there. kNotFound: one was seen, and is gone.
Result<OpenVault> open_copy(Context& context, OpenVault& from, const std::string& url, const vault::Credentials& credentials);

}  // namespace hf::cli
