#include "limequat/wire/enrolment.h"
