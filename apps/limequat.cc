#include "limequat/cli/program.h"

// limequat: the operator's command.

int main(int argc, char** argv) { return limequat::cli::RunCommand(argc, argv); }
