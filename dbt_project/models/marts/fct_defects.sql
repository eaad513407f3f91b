with

work_items as (

    select
        items.*,
        value_streams.time_zone

    from {{ ref('dim_work_items') }} as items

    inner join {{ ref('dim_value_streams') }} as value_streams
        on items.value_stream_key = value_streams.value_stream_key

    where items.is_current

),

defects as (

    select * from work_items
    where work_type = 'defect' and item_kind = 'issue'

),

texts as (

    select * from {{ ref('int_defect_texts') }}

),

-- An incident that names a defect says that users met it. Of several the first one counts, with the
-- deployment that caused it as far as that counts.
first_incidents as (

    select
        work_item_key,
        incident_work_item_key,
        deployment_key,
        deployed_at

    from (
        select
            links.to_key as work_item_key,
            incidents.work_item_key as incident_work_item_key,
            causes.deployment_key,
            deployments.finished_at as deployed_at,
            row_number() over (
                partition by links.to_key
                order by incidents.opened_at, incidents.work_item_key
            ) as row_num

        from {{ ref('bridge_work_item_links') }} as links

        inner join {{ ref('fct_incidents') }} as incidents
            on links.from_key = incidents.work_item_key

        left join {{ ref('bridge_incident_deployments') }} as causes
            on incidents.work_item_key = causes.work_item_key and causes.is_counted

        left join {{ ref('fct_deployments') }} as deployments
            on causes.deployment_key = deployments.deployment_key

        where {{ valid_at('links', as_of()) }}
    ) as placed

    where row_num = 1

),

releases as (

    select
        named.work_item_key,
        named.release_key,
        named.link_role,
        releases.is_released,
        releases.release_on

    from {{ ref('bridge_work_item_releases') }} as named

    inner join {{ ref('dim_releases') }} as releases
        on named.release_key = releases.release_key

    where named.valid_to is null

),

-- The first release that it affects; one that is not out is later than any that is.
affected as (

    select *

    from (
        select
            *,
            row_number() over (
                partition by work_item_key
                order by
                    is_released desc,
                    coalesce(release_on, date '9999-12-31'),
                    release_key
            ) as row_num
        from releases
        where link_role = 'affects'
    ) as placed

    where row_num = 1

),

-- The first release after it was found that has it mended: before that one it was found.
mended as (

    select
        work_item_key,
        release_key,
        release_on

    from (
        select
            releases.*,
            row_number() over (
                partition by releases.work_item_key
                order by releases.release_on, releases.release_key
            ) as row_num

        from releases

        inner join defects
            on releases.work_item_key = defects.work_item_key

        where
            releases.link_role = 'fix'
            and releases.is_released
            and releases.release_on
            >= cast({{ local_time('defects.created_at', 'defects.time_zone') }} as date)
    ) as placed

    where row_num = 1

),

described as (

    select
        defects.*,
        cast({{ local_time('defects.created_at', 'defects.time_zone') }} as date) as found_on,
        cast({{ local_time('first_incidents.deployed_at', 'defects.time_zone') }} as date)
            as deployed_on,
        texts.method as text_method,
        texts.environment_key,
        texts.is_production as is_text_production,
        first_incidents.incident_work_item_key,
        first_incidents.deployment_key,
        affected.release_key as affected_release_key,
        affected.is_released,
        affected.release_on,
        mended.release_key as mended_release_key,
        mended.release_on as mended_on

    from defects

    left join texts
        on defects.work_item_key = texts.work_item_key

    left join first_incidents
        on defects.work_item_key = first_incidents.work_item_key

    left join affected
        on defects.work_item_key = affected.work_item_key

    left join mended
        on defects.work_item_key = mended.work_item_key

),

-- What is said beats what is linked, and that beats what the days of a release let one conclude.
detected as (

    select
        *,
        case
            when text_method is not null then text_method
            when incident_work_item_key is not null then 'incident'
            when not is_released or release_on is not null then 'release'
        end as detection_method,
        case
            when text_method is not null then is_text_production
            when incident_work_item_key is not null then true
            when not is_released then false
            when release_on is not null then found_on > release_on
        end as is_escaped

    from described

),

cohorts as (

    select
        *,
        case
            when is_released and release_on is not null then 'release'
            when deployed_on is not null then 'deployment'
            when not is_escaped and mended_on is not null then 'fix'
            else 'found'
        end as cohort_method

    from detected

),

dated as (

    select
        *,
        case cohort_method
            when 'release' then release_on
            when 'deployment' then deployed_on
            when 'fix' then mended_on
            else found_on
        end as cohort_on

    from cohorts

),

final as (

    select
        dated.work_item_key,
        dated.work_item_version_key,
        dated.source_system,
        dated.value_stream_key,
        dated.level,
        dated.priority,
        dated.detection_method,
        cast(
            case dated.detection_method
                when 'field' then 1
                when 'label' then 0.9
                when 'incident' then 0.8
                when 'release' then 0.6
            end as double
        ) as detection_confidence,
        dated.environment_key,
        dated.is_escaped,
        dated.incident_work_item_key,
        case dated.cohort_method
            when 'release' then dated.affected_release_key
            when 'fix' then dated.mended_release_key
        end as release_key,
        case when dated.cohort_method = 'deployment' then dated.deployment_key end
            as deployment_key,
        dated.cohort_method,
        dated.cohort_on,
        dated.found_on,
        cast(
            {{ seconds_between(
                'cast(dated.cohort_on as timestamp)', 'cast(dated.found_on as timestamp)'
            ) }} / 86400 as bigint
        ) as days_after_release,
        flows.outcome in ('cancelled', 'deleted') as is_withdrawn

    from dated

    inner join {{ ref('fct_work_item_flows') }} as flows
        on dated.work_item_key = flows.work_item_key

)

select * from final
