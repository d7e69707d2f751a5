<?php
// A script of PHP-FPM: the last word of the path says what is to be done. $BACK is the service that it calls.
switch (basename(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH))) {
    case 'missing':
        http_response_code(404);
        echo "no\n";
        break;
    case 'call':
        echo file_get_contents(getenv('BACK') . '/fpm/hello');
        break;
    case 'large':
        echo str_repeat('0123456789abcdef', 20000);
        break;
    case 'middle':
        // More than is copied of an answer, and less than makes PHP send it in parts.
        echo str_repeat("\0", 4000);
        break;
    case 'warn':
        error_log('odd');
        echo str_repeat('x', 3000);
        break;
    case 'upload':
        echo strlen(file_get_contents('php://input')), "\n";
        break;
    case 'broken':
        undefined_function();
        break;
    default:
        echo "hello\n";
}
