/* The table of planted faults. */
#include "tests/swarm/plant.h"

#define PLANT_ROW(name, text, rule) [name] = {text, rule},
const struct plant_row plants[PLANT_COUNT] = {PLANT_TABLE(PLANT_ROW)};
#undef PLANT_ROW
