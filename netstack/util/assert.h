/* SPDX-License-Identifier: Apache-2.0 */
/* Assertions: our bugs only. What a guest, a peer or a file can cause is an error, never an assert.
 *
 * ASSERT()  is checked in every build that keeps assertions (all presets but release).
 * REQUIRE() is checked always: memory safety depends on it.
 * UNREACHABLE() marks what cannot be reached; it aborts in every build.
 */
#pragma once

#include <assert.h>

#define ASSERT(cond) assert(cond)

#define REQUIRE(cond)                                                                              \
	do {                                                                                       \
		if (__builtin_expect(!(cond), 0))                                                  \
			__builtin_trap();                                                          \
	} while (0)

#define UNREACHABLE() __builtin_trap()

#define STATIC_ASSERT(cond, text) _Static_assert(cond, text)
