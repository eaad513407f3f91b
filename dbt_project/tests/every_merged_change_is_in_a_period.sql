-- Changes of a service that was never deployed to production have no lead time, and they count:
-- without them the share of traced changes looks better than it is.
with

merged as (

    select
        service_key,
        count(*) as merged_changes

    from {{ ref('fct_changes') }}

    where merged_at is not null

    group by 1

),

published as (

    {% for table in ['metric_dora', 'metric_dora_weeks'] %}
        select
            '{{ table }}' as table_name,
            service_key,
            sum(merged_changes) as merged_changes,
            sum(traced_changes) as traced_changes
        from {{ ref(table) }}
        group by 1, 2
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

expected as (

    {% for table in ['metric_dora', 'metric_dora_weeks'] %}
        select
            services.service_key,
            '{{ table }}' as table_name,
            coalesce(merged.merged_changes, 0) as merged_changes
        from {{ ref('dim_services') }} as services
        left join merged
            on services.service_key = merged.service_key
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select
    expected.service_key,
    expected.table_name,
    expected.merged_changes,
    published.merged_changes as counted_changes

from expected

left join published
    on
        expected.service_key = published.service_key
        and expected.table_name = published.table_name

where
    expected.merged_changes <> coalesce(published.merged_changes, 0)
    or published.traced_changes > published.merged_changes
