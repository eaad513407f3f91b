-- One row per table and cause: values of the past that the last publication has otherwise.
select
    table_name as metric_table,
    value_name,
    replace(cause, '_', ' ') as cause,
    count(*) as restated_values,
    min(period_start) as first_period,
    max(period_start) as last_period
from meta.restatements
where version_no = (select max(version_no) from meta.publications)
group by all
order by restated_values desc, metric_table, value_name
