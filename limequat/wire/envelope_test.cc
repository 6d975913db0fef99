#include "limequat/wire/envelope.h"
