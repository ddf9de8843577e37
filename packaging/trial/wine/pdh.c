/* Wine 8's pdh.dll lacks functions that sysinfo links: here all of them say that there is no data. */
#include <windows.h>

#define PDH_NO_DATA ((LONG)0x800007D5)
#define EXPORTED __declspec(dllexport) LONG WINAPI

EXPORTED PdhOpenQueryW(LPCWSTR source, DWORD_PTR user, HANDLE *query) { return PDH_NO_DATA; }
EXPORTED PdhCloseQuery(HANDLE query) { return PDH_NO_DATA; }
EXPORTED PdhAddEnglishCounterW(HANDLE query, LPCWSTR path, DWORD_PTR user, HANDLE *counter) { return PDH_NO_DATA; }
EXPORTED PdhRemoveCounter(HANDLE counter) { return PDH_NO_DATA; }
EXPORTED PdhCollectQueryData(HANDLE query) { return PDH_NO_DATA; }
EXPORTED PdhCollectQueryDataEx(HANDLE query, DWORD interval, HANDLE event) { return PDH_NO_DATA; }
EXPORTED PdhEnumObjectsW(LPCWSTR source, LPCWSTR machine, LPWSTR list, DWORD *size, DWORD detail, BOOL refresh) { return PDH_NO_DATA; }
EXPORTED PdhGetFormattedCounterValue(HANDLE counter, DWORD format, DWORD *type, void *value) { return PDH_NO_DATA; }
EXPORTED PdhGetFormattedCounterArrayW(HANDLE counter, DWORD format, DWORD *size, DWORD *count, void *items) { return PDH_NO_DATA; }
