# Warnings are errors; the library's own assertions stay on in release, because reading the value of an error must stop.
add_compile_options(-Wall -Wextra -Wpedantic -Werror -Wno-missing-field-initializers -fno-omit-frame-pointer)
add_compile_definitions(_GLIBCXX_ASSERTIONS)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # libstdc++ 12 asks for its own deprecated get_temporary_buffer in stable_sort and silences that for g++ only.
  add_compile_options(-Wno-deprecated-declarations)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 sees overlaps and overruns in std::string that are not there (GCC bugs 105329, 105651); ASan looks for real ones.
  add_compile_options(-Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
endif()
# Raised by hf_compile() where it counts; the rest is waited for in builds only.
set(CMAKE_CXX_FLAGS_RELEASE "-Og")
set(CMAKE_C_FLAGS_RELEASE "-Og")

if(HF_SANITIZE)
  # In instrumented std::regex and std::optional g++ 12 sees uninitialised values where there are none.
  add_compile_options(-Wno-error)
  add_compile_options(-fsanitize=${HF_SANITIZE} -fno-sanitize-recover=all -g1)
  add_link_options(-fsanitize=${HF_SANITIZE})
endif()

find_program(HF_CCACHE ccache)
if(HF_CCACHE)
  # ccache(1), "Precompiled headers": they can be cached only if told that macros of the time do not matter.
  set(launcher env CCACHE_SLOPPINESS=pch_defines,time_macros ${HF_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()
find_program(HF_MOLD mold)
if(HF_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# The standard library's headers, parsed once for each level of optimisation (g++ dies where the two differ): a quarter of
# a build. Each file still includes what it uses; the builds with clang have no precompiled header and show what is missing.
#
# hf_compile(target [HOT]): HOT is for where bytes flow, -O2 in a release; the rest is -Og.
foreach(level warm hot)
  add_library(hf_standard_headers_${level} STATIC ${CMAKE_CURRENT_LIST_DIR}/standard_headers.cc)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_precompile_headers(hf_standard_headers_${level} PRIVATE <algorithm> <array> <atomic> <charconv> <chrono> <cstdint>
      <cstring> <expected> <functional> <map> <memory> <mutex> <optional> <set> <span> <stop_token> <string> <string_view>
      <thread> <unordered_map> <utility> <variant> <vector>)
  endif()
endforeach()
function(hf_optimise target level)
  if(level STREQUAL "hot" AND CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_options(${target} PRIVATE -O2)
  elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)  # at -Og g++ 12 does not see what Result guards
  endif()
endfunction()
hf_optimise(hf_standard_headers_hot hot)
# The files of a target are compiled HF_UNITY at a time: what they all include and instantiate costs most of a
# build. That needs names in anonymous namespaces to be unique in their module.
# The preset `fuzz` compiles each file alone.
set(HF_UNITY 6 CACHE STRING "files compiled together; 1: each alone")
# Its define has to stand before OpenSSL's headers.
set_source_files_properties(src/crypto/hash.cc PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
function(hf_compile target)
  set(level warm)
  if(HF_UNITY GREATER 1)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${HF_UNITY})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_compile_options(${target} PRIVATE -Wno-subobject-linkage)  # takes the files for headers
    endif()
  endif()
  if("HOT" IN_LIST ARGN)
    set(level hot)
  endif()
  hf_optimise(${target} ${level})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_precompile_headers(${target} REUSE_FROM hf_standard_headers_${level})
  endif()
endfunction()
