with

systems as (

    select
        source_system_key,
        name
    from (
        values
        {% for name, title in source_systems() %}
            ('{{ name }}', '{{ title }}'){{ ',' if not loop.last }}
        {% endfor %}
    ) as systems (source_system_key, name)

),

loads as (

    select
        source,
        max(finished_at) as last_loaded_at

    from {{ ref('int_load_audits_unioned') }}

    -- A load that failed brought nothing: what is there is of before.
    where status = 'complete'

    group by 1

),

final as (

    select
        systems.source_system_key,
        systems.name,
        loads.last_loaded_at

    from systems

    left join loads
        on systems.source_system_key = loads.source

)

select * from final
