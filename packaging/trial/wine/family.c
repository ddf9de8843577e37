/* An allowed action of the trial: says hello and starts itself once more; both then sleep for longer than the trial lasts. */
#include <stdio.h>
#include <windows.h>

int main(int count, char **words)
{
    if (count > 1 && !strcmp(words[1], "greet")) {
        printf("hello, %s\n", count > 2 ? words[2] : "nobody");
        return 3;
    }
    if (count == 1) {
        char name[MAX_PATH], line[MAX_PATH + 16];
        STARTUPINFOA how = {.cb = sizeof how};
        PROCESS_INFORMATION child;
        GetModuleFileNameA(NULL, name, sizeof name);
        sprintf(line, "\"%s\" child", name);
        CreateProcessA(name, line, NULL, NULL, FALSE, 0, NULL, NULL, &how, &child);
        printf("started\n");
        fflush(stdout);
    }
    Sleep(3600 * 1000);
    return 0;
}
