#pragma once
// Threads of this process. Work is cut into pieces whose borders do not depend on the number of
// threads, so that every result has the same bytes for any count.

#include <cstddef>
#include <cstdint>
#include <functional>

namespace msmodelslim {

// Threads allowed by the CPU affinity mask and the cgroup quota; at least 1.
int available_threads();
void set_thread_count(int count);  // count >= 1
int thread_count();

// Threads that wait for work look for it `spins` times (5000: some tens of microseconds) and then
// sleep: on a shared machine spinning costs more than it gains. The OpenMP runtime reads this from
// the environment when the program is loaded, so the program starts itself anew once with
// OMP_WAIT_POLICY=PASSIVE, unless the user set the variable.
void sleep_while_waiting(char** argv, int spins);

// Calls body(i) for i in [0, count), each exactly once, on all threads. Exceptions are rethrown.
void parallel_for(std::int64_t count, const std::function<void(std::int64_t)>& body);

// Cuts [0, count) into pieces of `grain` and calls body(begin, end) for each.
void parallel_ranges(std::int64_t count, std::int64_t grain,
                     const std::function<void(std::int64_t, std::int64_t)>& body);

}  // namespace msmodelslim
