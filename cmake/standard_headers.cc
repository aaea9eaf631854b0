// Carries the precompiled header that all targets share (compiler.cmake).
