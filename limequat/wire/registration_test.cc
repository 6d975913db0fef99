#include "limequat/wire/registration.h"
