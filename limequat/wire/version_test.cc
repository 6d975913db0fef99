#include "limequat/wire/version.h"
