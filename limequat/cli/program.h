#pragma once

namespace limequat::cli {

// The program `limequat`: reads the command line, does what it says and returns the
// exit status (docs: the command-line contract). Errors are one line on standard
// error with their stable identifier.
int RunCommand(int argc, char** argv);

}  // namespace limequat::cli
