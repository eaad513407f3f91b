-- One row per outcome of the tests of the last refresh; those that failed by name.
select
    status = 'pass' as results_order,
    status,
    severity,
    if(status = 'pass', 'all that passed', test) as test,
    count(*) as tests,
    sum(failures) as failures
from meta.quality_results
group by all
order by results_order, status, test
