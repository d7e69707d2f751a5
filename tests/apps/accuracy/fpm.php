<?php
// A front of the accuracy benchmark in PHP: nginx passes `/front/KIND/ID` on to PHP-FPM, which calls the service at $BACK.
[, , $kind, $id] = explode('/', $_SERVER['REQUEST_URI']);

function call(int $number): void
{
    global $id;
    $answer = file_get_contents(getenv('BACK') . '/back/' . hash('fnv1a64', "$id:$number"));
    if ($answer === false) {
        http_response_code(502);
    }
}

function pause(): void
{
    usleep(random_int(0, 20000));
}

if ($kind === 'wait') {
    pause();
}
if ($kind === 'one' || $kind === 'seq' || $kind === 'wait') {
    call(1);
}
if ($kind === 'seq') {
    call(2);
}
header('Content-Type: text/plain');
header('Content-Length: 3');
echo "ok\n";
if ($kind === 'after' || $kind === 'later') {
    fastcgi_finish_request();
    if ($kind === 'later') {
        pause();
    }
    call(1);
}
