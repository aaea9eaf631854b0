# Warnings are errors; the library's own assertions stay on in release, because reading the value of an error must stop.
add_compile_options(-Wall -Wextra -Wpedantic -Werror -Wno-missing-field-initializers -fno-omit-frame-pointer)
add_compile_definitions(_GLIBCXX_ASSERTIONS)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # libstdc++ 12 asks for its own deprecated get_temporary_buffer in stable_sort and silences that for g++ only.
  add_compile_options(-Wno-deprecated-declarations)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2")
set(CMAKE_C_FLAGS_RELEASE "-O2")

if(HF_SANITIZE)
  # In instrumented std::regex and std::optional g++ 12 sees uninitialised values where there are none.
  add_compile_options(-Wno-error)
  add_compile_options(-fsanitize=${HF_SANITIZE} -fno-sanitize-recover=all -g1)
  add_link_options(-fsanitize=${HF_SANITIZE})
endif()

find_program(HF_CCACHE ccache)
if(HF_CCACHE)
  set(launcher ${HF_CCACHE})
  if(HF_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Keeps also what was compiled with a precompiled header (hf_precompile).
    set(launcher env CCACHE_SLOPPINESS=pch_defines,time_macros ${HF_CCACHE})
    add_compile_options(-fpch-preprocess)
  endif()
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()
find_program(HF_MOLD mold)
if(HF_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
